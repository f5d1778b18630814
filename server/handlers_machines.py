"""Machine tokens: made, listed, revoked. By persons only: no machine makes another."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from aiohttp import web

from actors.gateway import Key
from domain.account import MachineToken
from domain.messages import Rejected
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.machine_tokens import SECRET_BYTES, hash_of, text_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import PageQuery
from server.payloads_machines import NewMachineToken
from server.problems import invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.views import encode, page
from server.views_machines import NewMachineTokenView, machine_token_view

_NEW = Payload(NewMachineToken)


class MachineHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make a machine token. What opens anything is in this answer alone."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        if len(set(wanted.scopes)) < len(wanted.scopes):
            raise invalid("scopes", "Each once.")
        organiser_id = await parts.belongings.for_whom(request, wanted.organiser_id)
        key, caller, now_ms = key_of(request, body), caller_of(request), parts.reads.now_ms()
        token_id, secret = self._named(key, now_ms)
        expires_ms = now_ms + wanted.expires_in_s * 1000
        kept = await parts.machines.create(
            MachineToken(
                token_id,
                organiser_id,
                wanted.name,
                wanted.scopes,
                hash_of(secret),
                caller.scope,
                now_ms,
                expires_ms,
            ),
            (key.request_id, key.fingerprint) if key else None,
        )
        if isinstance(kept, Rejected):
            return refusal(kept)
        if kept.revoked_ms is None:
            parts.access.machines.made(kept)
        shown = NewMachineTokenView(text_of(kept.id, secret), machine_token_view(kept))
        lines = f"Location: /api/v1/machine-tokens/{kept.id}\r\n".encode()
        return Reply(201, encode(shown), lines + PRIVATE)

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List machine tokens, those that serve no more too: an organiser's own, or all, to operators."""
        query = parse_query(request, PageQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        caller = caller_of(request)
        found = await self._parts.machines.tokens(
            caller.organiser_id, caller.is_admin, after, query.limit + 1
        )
        shown = found[: query.limit]
        following = cursor_of(shown[-1].id) if len(found) > query.limit else None
        return Reply(200, page([machine_token_view(one) for one in shown], following))

    async def revoke(self, _request: web.BaseRequest, token_text: str) -> Reply:
        """Revoke a machine token: it serves no more. It stays in the list."""
        parts, token_id = self._parts, parse_id(token_text)
        if token_id is None or not await parts.machines.revoke(token_id, parts.reads.now_ms()):
            raise not_found("token")
        parts.access.machines.revoked(token_id)
        return Reply(204, content_type="")

    def _named(self, key: Key | None, now_ms: int) -> tuple[str, bytes]:
        """The id and the secret: of a key the same each time, so that a lost answer can be had again."""
        if key is None:
            return uuid7(now_ms), secrets.token_bytes(SECRET_BYTES)
        digest = hashlib.blake2b(key.request_id, digest_size=16, person=b"machine token").digest()
        return str(UUID(bytes=digest)), self._parts.access.machine_secret(key.request_id)
