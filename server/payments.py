"""What the handlers ask of whoever keeps payments and wallets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.ledger import Account, House, Kind, Movement, Refusal
from domain.messages import Rejected
from domain.payment import NewPayment, Payment, Standing
from domain.refund import NewRefund, Refund


class Payments(Protocol):
    """Keeps payments. What it has accepted is durable, and somebody sees it through to its end."""

    async def accept(self, new: NewPayment) -> Payment | Rejected:
        """This one, or the one that its key made before; `key_reused`."""

    async def of_request(self, request_id: bytes, fingerprint: bytes) -> Payment | Rejected | None:
        """What a key has made before."""

    async def begin_again(self, payment_id: str, deadline_ms: int) -> Payment:
        """One that has failed before it began is to be seen through after all, until that deadline; any other
        stays as it is."""

    async def find(self, payment_id: str) -> Payment | None: ...

    async def changed(self, known: Sequence[Payment]) -> list[Payment]:
        """Of these, those that stand elsewhere by now, or of which more has gone back."""

    async def refunds_of(self, payment_id: str) -> list[Refund]: ...

    async def notes_of(self, payment_id: str) -> list[tuple[int, str, str, str]]:
        """When, which step, under which key of the provider's, with which result: the first of them."""

    async def of_inventory(
        self, inventory_id: str, standing: Standing | None, after: str | None, limit: int
    ) -> list[Payment]:
        """The next so many by id, of one standing or of all."""

    async def of_customer(
        self, customer: bytes, wallet: str, before: str | None, limit: int
    ) -> list[Payment]:
        """The next so many by id, the newest first: of the customer's reservations, and charges of the
        wallet."""

    async def find_refund(self, refund_id: str) -> Refund | None: ...

    async def refund_of_request(self, request_id: bytes, fingerprint: bytes) -> Refund | Rejected | None:
        """What a key has made before."""

    async def hear(self, provider: str, event_id: str, payment_id: str, refund_id: str | None = None) -> bool:
        """Keep a provider's event, and have its payment, and that refund of it, looked at; False if it was
        heard before."""

    async def act(self, payment_id: str, approve: bool) -> bool:
        """What a buyer does who has something to do at the sandbox; False if there is nothing to do."""

    async def refund(self, new: NewRefund) -> Refund | Rejected:
        """A refund that will be made, or the one that its key made before; or why not."""


class Wallets(Protocol):
    """Keeps the ledger."""

    async def open(self, kind: str, name: str, currency: str) -> str:
        """The id of that account, made if there is none."""

    async def house(self, name: House, currency: str) -> str: ...

    async def account(self, kind: str, name: str, currency: str) -> Account | None: ...

    async def wallets(self, name: str) -> list[Account]:
        """The wallets of that name, one for each currency."""

    async def move(self, movement: Movement) -> Movement | Refusal:
        """The movement, once it is durable; the same id is the same movement."""

    async def movements(
        self,
        account_id: str | None,
        kind: Kind | None,
        since_ms: int | None,
        until_ms: int | None,
        before: int,
        limit: int,
    ) -> list[Movement]:
        """Newest first, of numbers below `before`."""
