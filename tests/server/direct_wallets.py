"""The ledger in memory, beside the other parts that handlers are tested with."""

from __future__ import annotations

from msgspec.structs import replace

from domain.ledger import Account, House, Kind, Movement, Refusal
from persistence.ledger import account_id_of, again


class DirectWallets:
    """What was moved, in that order."""

    def __init__(self) -> None:
        self.accounts: dict[str, tuple[str, str, str]] = {}
        self.made: list[Movement] = []

    async def open(self, kind: str, name: str, currency: str) -> str:
        account_id = account_id_of(kind, name, currency)
        self.accounts[account_id] = (kind, name, currency)
        return account_id

    async def house(self, name: House, currency: str) -> str:
        return await self.open("house", name.value, currency)

    async def account(self, kind: str, name: str, currency: str) -> Account | None:
        account_id = account_id_of(kind, name, currency)
        if account_id not in self.accounts:
            return None
        return Account(account_id, kind, name, currency, self.balance(account_id))

    async def wallets(self, name: str) -> list[Account]:
        return [
            Account(account_id, kind, of, currency, self.balance(account_id))
            for account_id, (kind, of, currency) in self.accounts.items()
            if (kind, of) == ("wallet", name)
        ]

    async def move(self, movement: Movement) -> Movement | Refusal:
        for one in self.made:
            if one.id == movement.id:
                return again(movement, one)
        wallet = self.accounts[movement.from_id][0] == "wallet"
        if wallet and self.balance(movement.from_id) < movement.amount:
            return Refusal.NOT_ENOUGH
        made = replace(movement, number=len(self.made) + 1)
        self.made.append(made)
        return made

    async def movements(
        self,
        account_id: str | None,
        kind: Kind | None,
        since_ms: int | None,
        until_ms: int | None,
        before: int,
        limit: int,
    ) -> list[Movement]:
        found = [
            one
            for one in reversed(self.made)
            if account_id in (None, one.from_id, one.to_id)
            and one.kind is not Kind.VOID
            and kind in (None, one.kind)
            and (since_ms or 0) <= one.at_ms < (until_ms or 2**62)
            and one.number < before
        ]
        return found[:limit]

    def balance(self, account_id: str) -> int:
        taken = sum(one.amount for one in self.made if one.to_id == account_id)
        return taken - sum(one.amount for one in self.made if one.from_id == account_id)
