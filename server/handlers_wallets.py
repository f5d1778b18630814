"""Wallets: what is in one, its statement, and how it is charged, for its account too; adjustments, payouts
and the ledger, for operators."""

from __future__ import annotations

import hashlib
from uuid import UUID

from aiohttp import web

from domain.ledger import House, Kind, Movement, Refusal
from domain.messages import Rejected
from domain.payment import Payment, Step
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.ids import uuid7
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.paying import accepted, begun_reply, check_provider
from server.payloads import CODE_MAX_CHARACTERS
from server.payloads_payments import (
    Adjustment,
    MovementsQuery,
    NewCharge,
    PositiveMoney,
    StatementQuery,
    WalletQuery,
    Withdrawal,
)
from server.problems import Problem, invalid, not_found, refusal
from server.replies import Reply
from server.times import to_ms
from server.views import encode, page
from server.views_payments import movement_view, wallet_view

_ADJUSTMENT = Payload(Adjustment)
_CHARGE = Payload(NewCharge)
_WITHDRAWAL = Payload(Withdrawal)
WALLET = "wallet"
NO_METHOD = "none"
"""To whom Stripe would pay is not looked at: it pays nobody."""
NUMBER_MAX = 2**62


class WalletHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.BaseRequest, name: str) -> Reply:
        """Show what is in a wallet."""
        query = parse_query(request, WalletQuery)
        account = await self._parts.wallets.account(WALLET, _own(request, name), query.currency)
        if account is None:
            raise not_found("wallet")
        return Reply(200, encode(wallet_view(account)))

    async def statement(self, request: web.BaseRequest, name: str) -> Reply:
        """List a wallet's movements, newest first."""
        query = parse_query(request, StatementQuery)
        account = await self._parts.wallets.account(WALLET, _own(request, name), query.currency)
        if account is None:
            raise not_found("wallet")
        return await self._page(query, account.id)

    async def movements(self, request: web.BaseRequest) -> Reply:
        """List all movements of the ledger, newest first."""
        query = parse_query(request, MovementsQuery)
        if query.wallet is None:
            return await self._page(query, None)
        if query.currency is None:
            raise invalid("currency", "A wallet is named with its currency.")
        if not query.wallet.isprintable():
            raise invalid("wallet", "No wallet has such a name.")
        account = await self._parts.wallets.account(WALLET, query.wallet, query.currency)
        return Reply(200, page([], None)) if account is None else await self._page(query, account.id)

    async def adjust(self, request: web.BaseRequest, name: str) -> Reply:
        """Put so much into a wallet, or take it out, and say why."""
        body = await read_body(request, self._parts.options.body_max_bytes)
        wanted = _ADJUSTMENT.parse(request, body)
        way = (House.ADJUSTMENTS, wanted.direction == "in")
        return await self._moved(request, body, _named(name), wanted.amount, Kind.ADJUST, way, wanted.reason)

    async def charge(self, request: web.BaseRequest, name: str) -> Reply:
        """Begin to pay for so much to be in a wallet: it is there once the payment is captured."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _CHARGE.parse(request, body)
        check_provider(parts, wanted.provider, wanted.method)
        wallet = await self._of_somebody(request, name)
        now_ms = parts.reads.now_ms()
        payment = Payment(
            id=uuid7(now_ms),
            inventory_id="",
            reservation_id="",
            wallet=wallet,
            provider=wanted.provider,
            method=wanted.method,
            step=Step.CHARGE,
            amount=wanted.amount.amount,
            currency=wanted.amount.currency,
            deadline_ms=now_ms + parts.options.payment_duration_s * 1000,
            created_ms=now_ms,
        )
        said = await accepted(parts, payment, key_of(request, body))
        return refusal(said) if isinstance(said, Rejected) else await begun_reply(parts, request, said)

    async def withdraw(self, request: web.BaseRequest, name: str) -> Reply:
        """Begin to pay out of a wallet: the money leaves it, and comes back if it cannot be paid out."""
        parts, caller = self._parts, caller_of(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _WITHDRAWAL.parse(request, body)
        check_provider(parts, wanted.provider, wanted.method or NO_METHOD)
        if wanted.provider == "stripe":
            raise Problem("not_offered", "Stripe pays nobody out. What was charged by it can be refunded.")
        wallet, money, key = _named(name), wanted.amount, key_of(request, body)
        if not await self._is_covered(wallet, money):
            # What is not there any more this key may have taken out.
            before = await parts.payments.of_request(key.request_id, key.fingerprint) if key else None
            if before is None:
                raise _problem(Refusal.NOT_ENOUGH)
        now_ms = parts.reads.now_ms()
        payment = Payment(
            id=uuid7(now_ms),
            inventory_id="",
            reservation_id="",
            wallet=wallet,
            pays_out=True,
            provider=wanted.provider,
            method=wanted.method,
            reason=wanted.reason,
            done_by=caller.account_id or caller.scope,
            step=Step.TAKE,
            amount=money.amount,
            currency=money.currency,
            deadline_ms=now_ms,
            created_ms=now_ms,
        )
        said = await accepted(parts, payment, key)
        return refusal(said) if isinstance(said, Rejected) else await begun_reply(parts, request, said)

    async def _of_somebody(self, request: web.BaseRequest, name: str) -> str:
        """One's own wallet. Who was erased at another front end has a token here for a moment more, and the
        money would be nobody's."""
        wallet, caller = _own(request, name), caller_of(request)
        if not caller.is_admin and await self._parts.accounts.account(wallet) is None:
            raise not_found("wallet")
        return wallet

    async def _is_covered(self, wallet: str, money: PositiveMoney) -> bool:
        """As it stands; what is spent before it is taken out makes the payout fail."""
        account = await self._parts.wallets.account(WALLET, wallet, money.currency)
        return account is not None and account.balance >= money.amount

    async def _moved(
        self,
        request: web.BaseRequest,
        body: bytes,
        name: str,
        money: PositiveMoney,
        kind: Kind,
        way: tuple[House, bool],
        reason: str | None,
    ) -> Reply:
        """`way`: the house's account, and whether the money goes into the wallet."""
        wallets, caller = self._parts.wallets, caller_of(request)
        house, into = way
        wallet_id = await wallets.open(WALLET, name, money.currency)
        house_id = await wallets.house(house, money.currency)
        movement = Movement(
            id=self._id_of(request, body),
            kind=kind,
            from_id=house_id if into else wallet_id,
            to_id=wallet_id if into else house_id,
            amount=money.amount,
            currency=money.currency,
            reason=reason,
            done_by=caller.account_id or caller.scope,
            at_ms=self._parts.reads.now_ms(),
        )
        said = await wallets.move(movement)
        if isinstance(said, Refusal):
            raise _problem(said)
        return Reply(201, encode(movement_view(said)))

    def _id_of(self, request: web.BaseRequest, body: bytes) -> str:
        """The same key is the same movement."""
        key = key_of(request, body)
        if key is None:
            return uuid7(self._parts.reads.now_ms())
        return str(UUID(bytes=hashlib.blake2b(key.request_id, digest_size=16, person=b"movement").digest()))

    async def _page(self, query: StatementQuery | MovementsQuery, account_id: str | None) -> Reply:
        before = sort_key_of(query.cursor, int)
        since, until = query.since, query.until
        found = await self._parts.wallets.movements(
            account_id,
            query.kind,
            None if since is None else to_ms(since),
            None if until is None else to_ms(until),
            NUMBER_MAX if before is None else min(before, NUMBER_MAX),
            query.limit + 1,
        )
        items = found[: query.limit]
        following = cursor_of(items[-1].number) if len(found) > query.limit else None
        return Reply(200, page([movement_view(one) for one in items], following))


def _own(request: web.BaseRequest, name: str) -> str:
    """A wallet is its account's to look into, and an operator's."""
    caller = caller_of(request)
    if caller.role is None:
        raise Problem("unauthorized", "A wallet is for who is signed in.")
    if not caller.is_admin and name != caller.account_id:
        raise not_found("wallet")
    return _named(name)


def _named(name: str) -> str:
    if not 1 <= len(name) <= CODE_MAX_CHARACTERS or not name.isprintable():
        raise not_found("wallet")
    return name


def _problem(said: Refusal) -> Problem:
    if said is Refusal.KEY_REUSED:
        return Problem("key_reused", "This Idempotency-Key was used for another request.")
    return Problem("overdrawn", "There is not enough in the wallet.")
