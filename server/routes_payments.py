"""The routes of payments, refunds and wallets."""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from server import payloads_payments as given
from server import views_payments as shown
from server.callers import Who
from server.handlers_payments import PaymentHandlers
from server.handlers_purchases import PurchaseHandlers
from server.handlers_wallets import WalletHandlers
from server.handlers_webhooks import WebhookHandlers
from server.live import EVENT_STREAM
from server.payloads import PageQuery
from server.route import Route
from server.views import Page

_RESERVATION = "/api/v1/reservations/{reservation_id}"
_PAYMENT = "/api/v1/payments/{payment_id}"
_OUT_OF_ORDER = ("unavailable", "overloaded")
_WALLET = "/api/v1/wallets/{wallet}"


# One route is easier to find among its like than among its arguments.
# fmt: off
def payment_routes(
    payments: PaymentHandlers, purchases: PurchaseHandlers, wallets: WalletHandlers, webhooks: WebhookHandlers
) -> list[Route]:
    tag: Any = {"tag": "payments", "problems": _OUT_OF_ORDER}
    held: Any = {**tag, "who": Who.HOLDER, "scope": Scope.READ}
    operators: Any = {**tag, "who": Who.OPERATOR, "scope": Scope.READ}
    organisers: Any = {**tag, "who": Who.ORGANISER, "scope": Scope.READ}
    # A wallet's own account, or an operator, with whichever token: the handler looks which.
    accounts: Any = {**tag, "who": Who.GUEST, "scope": Scope.READ}
    paid: Any = {**held, "scope": Scope.SELL,
                 "problems": (*_OUT_OF_ORDER, "hold_expired", "wrong_state", "too_late")}
    accepted: Any = {"status": 202, "keyed": True, "reply_headers": ("Location",)}
    waits: Any = {"request_headers": ("Prefer",)}
    applied: Any = {"reply_headers": ("Preference-Applied",)}
    followed: Any = {**accepted, **waits, "reply_headers": ("Location", "Preference-Applied")}
    moved: Any = {"tag": "payments", "who": Who.OPERATOR, "status": 201, "keyed": True,
                  "problems": (*_OUT_OF_ORDER, "overdrawn")}
    wrong = ("unauthorized", "malformed", "too_large", "wrong_state")
    heard: Any = {**tag, "problems": (*_OUT_OF_ORDER, *wrong)}
    return [
        Route("POST", "/api/v1/payments/webhooks/{provider}", webhooks.told, shown.WebhookView, **heard,
              request_headers=("Webhook-Signature", "Stripe-Signature"), who=Who.ANYONE),
        Route("POST", f"{_RESERVATION}/payments", payments.pay, shown.PaymentView, body=given.NewPayment,
              **paid, **followed),
        Route("POST", "/api/v1/accounts/me/payments", purchases.buy, shown.PaymentView,
              body=given.NewPurchase, tag="payments", who=Who.ACCOUNT, **followed,
              problems=(*_OUT_OF_ORDER, "not_found", "hold_expired", "wrong_state")),
        Route("GET", "/api/v1/accounts/me/payments", payments.list_own, Page[shown.PaymentView],
              query=PageQuery, tag="payments", who=Who.ACCOUNT, reply_headers=("Cache-Control",),
              problems=_OUT_OF_ORDER),
        Route("GET", _PAYMENT, payments.show, shown.PaymentView, **held, **waits, **applied),
        Route("GET", f"{_PAYMENT}/stream", payments.stream, shown.PaymentEvents, media=EVENT_STREAM,
              ends=True, request_headers=("Last-Event-ID",), reply_headers=("Cache-Control",), **held),
        Route("GET", "/api/v1/events/{event_id}/payments", payments.list_of_event, Page[shown.PaymentView],
              query=given.PaymentsQuery, **organisers),
        Route("GET", "/api/v1/restaurants/{restaurant_id}/payments", payments.list_of_restaurant,
              Page[shown.PaymentView], query=given.PaymentsQuery, **organisers),
        Route("POST", "/api/v1/sandbox/{payment_id}", payments.act, shown.PaymentView, status=202,
              body=given.SandboxAct, **{**paid, "problems": (*_OUT_OF_ORDER, "wrong_state")}),
        Route("GET", f"{_PAYMENT}/steps", payments.steps, shown.StepsView, **operators),
        Route("POST", f"{_PAYMENT}/refunds", payments.refund, shown.RefundView, body=given.NewRefund,
              body_optional=True,
              **{**organisers, "scope": Scope.MANAGE,
                 "problems": (*_OUT_OF_ORDER, "wrong_state", "limit_exceeded")}, **accepted),
        Route("GET", _WALLET, wallets.show, shown.WalletView, query=given.WalletQuery, **accounts),
        Route("GET", f"{_WALLET}/movements", wallets.statement, Page[shown.MovementView],
              query=given.StatementQuery, **accounts),
        Route("POST", f"{_WALLET}/charges", wallets.charge, shown.PaymentView, body=given.NewCharge,
              **accounts | {"scope": None}, **followed),
        Route("POST", f"{_WALLET}/adjustments", wallets.adjust, shown.MovementView, body=given.Adjustment,
              **moved),
        Route("POST", f"{_WALLET}/withdrawals", wallets.withdraw, shown.PaymentView, body=given.Withdrawal,
              **moved | followed | {"problems": (*_OUT_OF_ORDER, "overdrawn", "not_offered")}),
        Route("GET", "/api/v1/ledger/movements", wallets.movements, Page[shown.MovementView],
              query=given.MovementsQuery, **operators),
    ]
