"""Peer (a): bare aiohttp. Decodes the body untyped and encodes one dict of the reply's size; keeps nothing.

It is the roof: what this machine and this HTTP library can answer when no work is done at all. Everything
else is measured as a ratio to it. The sold-out event gets the constant refusal, the roof for those.
"""

import msgspec
from aiohttp import web

from loadtest.peers import serving, wire

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


async def hold(request: web.Request) -> web.Response:
    body = _decode(await request.read())
    event_id = request.match_info["event_id"]
    if event_id == wire.SOLD_OUT_EVENT:
        return serving.refused(409, serving.SOLD_OUT)
    lines = body["lines"]
    for line in lines:
        line["unit_price"] = _PRICE
    return serving.created(answer(event_id, "held", lines, body["customer"]), _ID)


async def confirm(_request: web.Request) -> web.Response:
    lines = [{"ticket_type": wire.TICKET_TYPE, "quantity": 1, "unit_price": _PRICE}]
    customer = {"name": "Ada Lovelace", "email": "buyer-000001@example.org"}
    body = answer(wire.OPEN_EVENT, "confirmed", lines, customer)
    return web.Response(body=body, content_type="application/json")


if __name__ == "__main__":
    serving.serve(serving.parse("Bare aiohttp echo."), lambda: (hold, confirm))
