"""Peer (a): bare aiohttp. Decodes the body untyped and encodes one dict of the reply's size; keeps nothing.

It is the roof: what this machine and this HTTP library can answer when no work is done at all. Everything
else is measured as a ratio to it. The sold-out event gets the constant refusal, the roof for those.
"""

import msgspec
from aiohttp import web

from loadtest.peers import routes, serving, wire

_decode = msgspec.json.decode
_encode = msgspec.json.Encoder().encode
_ID = str(wire.uuid7())
_TOKEN = wire.token_of(wire.OPEN_EVENT, _ID)
_PRICE = {"amount": wire.PRICE_MINOR_UNITS, "currency": wire.CURRENCY}
_TIME = "2026-11-20T12:00:00.123456Z"


def answer(event_id: str, status: str, lines: object, customer: object) -> bytes:
    return _encode(
        {
            "id": _ID,
            "event_id": event_id,
            "status": status,
            "expires_at": _TIME,
            "lines": lines,
            "total": _PRICE,
            "customer": customer,
            "created_at": _TIME,
            "token": _TOKEN,
        }
    )


async def hold(request: web.BaseRequest, event_id: str) -> web.Response:
    body = _decode(await request.read())
    if event_id == wire.SOLD_OUT_EVENT:
        return routes.refused(409, routes.SOLD_OUT)
    lines = body["lines"]
    for line in lines:
        line["unit_price"] = _PRICE
    return routes.created(answer(event_id, "held", lines, body["customer"]), _ID)


async def confirm(_request: web.BaseRequest, _reservation_id: str) -> web.Response:
    lines = [{"ticket_type": wire.TICKET_TYPE, "quantity": 1, "unit_price": _PRICE}]
    customer = {"name": "Ada Lovelace", "email": "buyer-000001@example.org"}
    return routes.ok(answer(wire.OPEN_EVENT, "confirmed", lines, customer))


HANDLERS = routes.Handlers(hold, confirm)

if __name__ == "__main__":
    serving.serve(serving.parse("Bare aiohttp echo."), lambda: routes.low_level(HANDLERS))
