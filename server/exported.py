"""All that is kept of a person, gathered for them: page by page, whole at the end."""

from __future__ import annotations

from msgspec import Raw

from domain.account import Account
from domain.ledger import Account as Wallet
from domain.payment import Payment
from domain.views import ReceivedTicket
from server.addressed import body_of
from server.handlers_wallets import NUMBER_MAX
from server.parts import Parts
from server.views import MoneyView, as_read
from server.views_accounts import ExportView, account_view, dined_view, session_view
from server.views_payments import MovementView, WholeWalletView, movement_view, payment_view
from server.views_tickets import received_view

PAGE_ITEMS = 200


async def exported(parts: Parts, account: Account) -> ExportView:
    """Whether reminders are wanted stands in the account."""
    sessions = await parts.accounts.sessions(account.id, parts.reads.now_ms())
    payments = await _payments(parts, account)
    return ExportView(
        account_view(account),
        [session_view(session) for session in sessions],
        await _reservations(parts, account),
        [payment_view(one, await parts.payments.refunds_of(one.id), operator=False) for one in payments],
        [await _whole(parts, wallet) for wallet in await parts.wallets.wallets(account.id)],
        [received_view(one) for one in await _received(parts, account)],
        [dined_view(one) for one in await parts.reads.dined(account.customer)],
    )


async def _reservations(parts: Parts, account: Account) -> list[Raw]:
    now_ms, shown, before = parts.reads.now_ms(), list[Raw](), None
    while found := await parts.reads.of_customer(account.customer, before, PAGE_ITEMS):
        shown += [Raw(body_of(one.inventory_id, as_read(one.reply, now_ms, one.stage))) for one in found]
        before = found[-1].reply.reservation.id
    return shown


async def _payments(parts: Parts, account: Account) -> list[Payment]:
    all_of_them, before = list[Payment](), None
    while found := await parts.payments.of_customer(account.customer, account.id, before, PAGE_ITEMS):
        all_of_them += found
        before = found[-1].id
    return all_of_them


async def _received(parts: Parts, account: Account) -> list[ReceivedTicket]:
    all_of_them, before = list[ReceivedTicket](), None
    while found := await parts.reads.received(account.customer, before, PAGE_ITEMS):
        all_of_them += found
        before = found[-1].key
    return all_of_them


async def _whole(parts: Parts, wallet: Wallet) -> WholeWalletView:
    movements, before = list[MovementView](), NUMBER_MAX
    while found := await parts.wallets.movements(wallet.id, None, None, None, before, PAGE_ITEMS):
        movements += [movement_view(one) for one in found]
        before = found[-1].number
    return WholeWalletView(wallet.name, MoneyView(wallet.balance, wallet.currency), movements)
