"""A payment, live: who pays is told how it stands, and of each change, until it is over.

A stream of one payment is for one reader, so it is a reply of pieces (`server.streaming`), made while it is
sent. It ends by itself; a browser that comes back then, with the id of the last event, hears that there is
nothing more (204), and comes no more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

from domain.payment import Payment
from server.following import Following
from server.live_feed import BEAT, HEARTBEAT_S, when_to_come_back
from server.metrics import Metrics

Show = Callable[[Payment], Awaitable[bytes]]


def event_id(payment: Payment) -> str:
    """The same as long as there is nothing new to tell."""
    return f"{payment.standing.value}-{payment.refunded}"


async def told(
    following: Following, metrics: Metrics, payment: Payment, show: Show, heard: str
) -> AsyncGenerator[bytes, None]:
    """Its events. `heard`: the id of the last one that the client had."""
    metrics.streaming(+1)
    try:
        yield when_to_come_back()
        if event_id(payment) != heard:
            yield await _event(payment, show)
        while not payment.standing.over:
            now = await following.change(payment, HEARTBEAT_S)
            if following.closed:
                return
            yield BEAT if now is payment else await _event(now, show)
            payment = now
    finally:
        metrics.streaming(-1)


async def _event(payment: Payment, show: Show) -> bytes:
    return b"id: %b\nevent: state\ndata: %b\n\n" % (event_id(payment).encode(), await show(payment))
