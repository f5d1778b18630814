"""A payout: a payment that goes the other way, out of a wallet and through a provider to whom it belongs.

Its saga: take (out of the wallet) -> pay out (the provider), or put back (into the wallet, if the provider
will not). Each step is safe to repeat, as a payment's are (`domain.payment`): the ledger knows each movement,
and the provider the payout, by a key made of its id.

- The money has left the wallet before the provider is asked, so nobody spends it meanwhile.
- It comes back only where the provider says that it has paid nothing, and never will under this key. Silence
  is no answer: then it is asked again, which says how things stand.
- What is not in the wallet is not paid out; then nothing has moved.
- No hold waits for it, so it has no deadline: while it is on its way it is asked about ever less often.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from domain.payment import (
    LOOK_EVERY_MS,
    PAUSE_FIRST_MS,
    REFUND_LOOK_MAX_MS,
    Payment,
    Standing,
    Step,
    Turn,
    again,
    failed,
)
from domain.provider_answers import Captured, Declined, PaidBack, PaidOut, SaidOfPayout, Unclear, Working

NOT_ENOUGH = "There is not so much in the wallet. Nothing was paid out."


def after_taken_out(payment: Payment, said: PaidBack | Declined | Unclear) -> Turn:
    """The ledger's answer to taking it out of the wallet."""
    if isinstance(said, Unclear):
        return again(replace(payment, detail=said.detail), PAUSE_FIRST_MS)
    if isinstance(said, Declined):
        return Turn(failed(payment, NOT_ENOUGH, said.detail))
    return Turn(replace(payment, step=Step.PAY_OUT, pauses=0))


def after_pay_out(payment: Payment, said: SaidOfPayout) -> Turn:
    match said:
        case PaidOut():
            done = replace(payment, step=Step.DONE, standing=Standing.PAID_OUT, pauses=0)
            return Turn(replace(done, provider_ref=said.ref, detail=None))
        case Declined():
            return Turn(replace(payment, step=Step.PUT_BACK, error=said.error, detail=said.detail, pauses=0))
        case Working():
            pause_ms = min(LOOK_EVERY_MS * 2 ** min(payment.pauses, 10), REFUND_LOOK_MAX_MS)
            on_its_way = replace(payment, provider_ref=said.ref or payment.provider_ref)
            return Turn(replace(on_its_way, pauses=payment.pauses + 1), pause_ms)
        case Unclear():
            return again(replace(payment, detail=said.detail), PAUSE_FIRST_MS)
        case _:
            assert_never(said)


def after_put_back(payment: Payment, said: Captured | Unclear) -> Turn:
    """It is in the wallet again, and nothing was paid out."""
    if isinstance(said, Unclear):
        return again(replace(payment, detail=said.detail), PAUSE_FIRST_MS)
    return Turn(failed(payment, payment.error or NOT_ENOUGH, payment.detail or ""))
