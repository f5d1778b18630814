"""Name and e-mail of who is signed in and reserves for himself: read once, and remembered for a minute.

So a sale costs no read; who changes his name may find the old one on what he reserves in that minute.
"""

from __future__ import annotations

from collections.abc import Callable

from server.accounts import Accounts
from server.callers import Caller
from server.payloads import Customer
from server.problems import invalid

KEPT_MS = 60_000
KEPT_MAX = 10_000


class Contacts:
    """What is remembered."""

    def __init__(self, accounts: Accounts, now_ms: Callable[[], int]) -> None:
        self._accounts = accounts
        self._now_ms = now_ms
        self._kept: dict[str, tuple[int, Customer]] = {}

    async def own(self, caller: Caller) -> Customer:
        """Invalid of who has no account: whom is it for?"""
        if caller.account_id is None:
            raise invalid("customer", "Whom it is for; only who is signed in may leave it out.")
        now_ms = self._now_ms()
        kept = self._kept.get(caller.account_id)
        if kept is not None and now_ms - kept[0] < KEPT_MS:
            return kept[1]
        account = await self._accounts.account(caller.account_id)
        if account is None:
            raise invalid("customer", "The account is gone.")
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        customer = Customer(account.name, account.email)
        self._kept[caller.account_id] = (now_ms, customer)
        return customer
