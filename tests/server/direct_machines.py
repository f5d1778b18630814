"""Machine tokens in memory, as `server.machine_tokens` describes them."""

from __future__ import annotations

from msgspec.structs import replace

from domain.account import MACHINE_TOKENS_MAX, MachineToken
from domain.messages import Code, Rejected
from tests.server.direct_accounts import KEY_REUSED


class DirectMachines:
    """What there is, and what keys have made."""

    def __init__(self) -> None:
        self.kept: dict[str, MachineToken] = {}
        self.recorded: dict[bytes, tuple[bytes, str]] = {}

    async def create(self, token: MachineToken, key: tuple[bytes, bytes] | None) -> MachineToken | Rejected:
        if key is not None and key[0] in self.recorded:
            fingerprint, token_id = self.recorded[key[0]]
            return self.kept[token_id] if fingerprint == key[1] else KEY_REUSED
        serving = await self.serving(token.created_ms)
        if sum(one.organiser_id == token.organiser_id for one in serving) >= MACHINE_TOKENS_MAX:
            return Rejected(Code.LIMIT_EXCEEDED, "Too many.", {"limit": MACHINE_TOKENS_MAX})
        self.kept[token.id] = token
        if key is not None:
            self.recorded[key[0]] = (key[1], token.id)
        return token

    async def token(self, token_id: str) -> MachineToken | None:
        return self.kept.get(token_id)

    async def tokens(
        self, organiser_id: str | None, everybodys: bool, after: str | None, limit: int
    ) -> list[MachineToken]:
        found = [one for one in self.kept.values() if everybodys or one.organiser_id == organiser_id]
        return sorted((one for one in found if one.id > (after or "")), key=lambda one: one.id)[:limit]

    async def revoke(self, token_id: str, now_ms: int) -> bool:
        there = self.kept.get(token_id)
        if there is None:
            return False
        self.kept[token_id] = replace(there, revoked_ms=there.revoked_ms or now_ms)
        return True

    async def serving(self, now_ms: int) -> list[MachineToken]:
        return [one for one in self.kept.values() if one.revoked_ms is None and one.expires_ms > now_ms]
