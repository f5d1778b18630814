"""The peers' HTTP: two requests, on aiohttp's low-level server, or on its Application with a router.

All peers are measured on the low-level server (`web.Server`), because Turnstile's front end is built on it
too and a router costs about ten microseconds: like is compared with like. One more echo runs on the
Application, the way most services are written.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import msgspec
from aiohttp import web

from loadtest.peers import wire

BODY_MAX_BYTES = 16_384
SHUTDOWN_TIMEOUT_S = 2.0

Handler = Callable[[web.BaseRequest, str], Awaitable[web.Response]]
SOLD_OUT = wire.problem(
    409, "sold_out", "Not enough left of this ticket type, and nothing on hold to come free."
)
INVALID = wire.problem(422, "invalid", "One line of 1 to 10 tickets and a customer are expected.")
WRONG_STATE = wire.problem(409, "wrong_state", "The reservation is not held any more.")
NOT_FOUND = wire.problem(404, "not_found", "There is no such thing.")


class Handlers(NamedTuple):
    """`hold` gets the event's id, `confirm` the reservation's."""

    hold: Handler
    confirm: Handler


class Keeps(Protocol):
    """What the handlers need of a peer's store."""

    async def hold(self, reservation: wire.Reservation) -> bool: ...
    async def confirm(self, reservation_id: str) -> wire.Reservation | None: ...


def of_store(store: Keeps) -> Handlers:
    async def hold(request: web.BaseRequest, event_id: str) -> web.Response:
        try:
            body = wire.hold_body.decode(await request.read())
        except msgspec.MsgspecError:
            return refused(422, INVALID)
        if len(body.lines) != 1 or not 1 <= body.lines[0].quantity <= wire.QUANTITY_MAX:
            return refused(422, INVALID)
        reservation = wire.new_reservation(event_id, body)
        if not await store.hold(reservation):
            return refused(409, SOLD_OUT)
        return created(wire.reply(reservation), reservation.id)

    async def confirm(request: web.BaseRequest, reservation_id: str) -> web.Response:
        if not wire.is_token_of(request.headers.get("Reservation-Token", ""), reservation_id):
            return refused(404, NOT_FOUND)
        reservation = await store.confirm(reservation_id)
        return ok(wire.reply(reservation)) if reservation else refused(409, WRONG_STATE)

    return Handlers(hold, confirm)


def created(body: bytes, reservation_id: str) -> web.Response:
    headers = {"Location": f"/api/v1/reservations/{reservation_id}", "Content-Type": "application/json"}
    return web.Response(status=201, body=body, headers=headers)


def ok(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": "application/json"})


def refused(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": "application/problem+json"})


def low_level(handlers: Handlers) -> web.BaseRunner:
    async def route(request: web.BaseRequest) -> web.Response:
        parts = request.raw_path.split("/")
        match parts:
            case ["", "api", "v1", "events", event_id, "reservations"]:
                return await handlers.hold(request, event_id)
            case ["", "api", "v1", "reservations", reservation_id, "confirm"]:
                return await handlers.confirm(request, reservation_id)
            case ["", "healthz"]:
                return ok(b"{}")
        return refused(404, NOT_FOUND)

    return web.ServerRunner(web.Server(route, access_log=None), shutdown_timeout=SHUTDOWN_TIMEOUT_S)


def with_application(handlers: Handlers) -> web.BaseRunner:
    async def hold(request: web.Request) -> web.Response:
        return await handlers.hold(request, request.match_info["event_id"])

    async def confirm(request: web.Request) -> web.Response:
        return await handlers.confirm(request, request.match_info["reservation_id"])

    async def healthy(_request: web.Request) -> web.Response:
        return ok(b"{}")

    app = web.Application(client_max_size=BODY_MAX_BYTES)
    app.router.add_get("/healthz", healthy)
    app.router.add_post("/api/v1/events/{event_id}/reservations", hold)
    app.router.add_post("/api/v1/reservations/{reservation_id}/confirm", confirm)
    return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
