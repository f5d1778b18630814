"""What payment workers (`actors.payments`) need of others: who keeps payments, moves money, keeps wallets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from actors.gateway import Key
from domain.kinds import Command, Reply
from domain.payment import Payment
from domain.provider_answers import Captured, Declined, PaidBack, Said, SaidOfPayout, SaidOfRefund, Unclear
from domain.refund import Refund


@dataclass(frozen=True, slots=True)
class Note:
    """What was asked of somebody in a step, or said: append-only. `key`: the provider's, if it is one's."""

    payment_id: str
    step: str
    key: str
    result: str


@dataclass(frozen=True, slots=True)
class Written:
    """A payment or a refund after a step, with what is to be noted; taken again after the pause, or, at its
    end, never. `back`: a refund of so much is to begin."""

    after: Payment | Refund
    notes: tuple[Note, ...]
    pause_ms: int = 0
    goes_on: bool = False
    """This worker keeps it."""
    back: int = 0


class PaymentStore(Protocol):
    """Keeps payments, refunds and notes."""

    async def take(self, limit: int, lease_ms: int) -> list[Payment]: ...
    async def take_refunds(self, limit: int, lease_ms: int) -> list[Refund]: ...
    async def write(self, written: Sequence[Written]) -> set[str]:
        """The ids of those that are still their writers'; nothing is written of the others."""

    async def refund_ended(self, limit: int) -> int:
        """Begin a refund for what was paid for and is cancelled; how many there were."""


class Provider(Protocol):
    """Whoever moves money. Each call goes under a key that has one effect, however often it is asked; none
    raises: what went wrong is `Unclear`. `tells_unasked`: it may also be heard of a payment without having
    been asked, and then whoever is free looks at it."""

    @property
    def tells_unasked(self) -> bool: ...
    async def charge(self, key: str, payment: Payment) -> Said: ...
    async def look_up(self, key: str, payment: Payment) -> Said: ...
    async def cancel(self, key: str, payment: Payment) -> Said:
        """From now on nothing is charged under that key: `Captured` if something was, else `Declined`."""

    async def pay_back(self, key: str, refund: Refund) -> SaidOfRefund:
        """Asked again it says what has become of it by now."""

    async def pay_out(self, key: str, payment: Payment) -> SaidOfPayout:
        """Pay so much to whom the payment's method says, of what was in a wallet. Asked again it says what
        has become of it by now; who pays nobody out declines."""


class Wallets(Protocol):
    """The ledger, for payments that charge wallets. Each call has one effect, however often it is asked; none
    raises."""

    async def give(self, payment: Payment) -> Captured | Unclear:
        """What was captured is in the wallet."""

    async def take(self, refund: Refund) -> PaidBack | Declined | Unclear:
        """What goes back is out of the wallet; `Declined` if there is not so much in it, for good."""

    async def take_out(self, payment: Payment) -> PaidBack | Declined | Unclear:
        """The same of what is to be paid out."""

    async def put_back(self, payment: Payment) -> Captured | Unclear:
        """What was taken out, and not paid out, is in the wallet again."""


class Asks(Protocol):
    """The gateway, as far as it is needed here."""

    async def ask(self, inventory_id: str, command: Command, key: Key | None = None) -> Reply: ...


class Now(Protocol):
    def now_ms(self) -> int: ...
