"""An organiser's system hears of a sale, signed, though what tells it was killed."""

from __future__ import annotations

import base64
import hashlib
import hmac

import aiohttp

from tests.e2e.talk import Talk, in_time, operators
from tests.served import Served
from tests.webhooks.receiver import Receipt, receiving


async def test_a_sale_is_told_though_the_news_actor_was_killed(running_server: Served) -> None:
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http, receiving() as receiver:
        operator = operators(http, running_server)
        event_id = await operator.new_event(5, price=0)
        wanted = {"url": f"{receiver.url}/shop", "inventory_id": event_id}
        made = await operator.post("/webhook-endpoints", wanted)
        assert made.status == 201, made.body
        for actor in [one for one in running_server.family() if "NewsActor" in " ".join(one.cmdline())]:
            actor.kill()
        held = (await Talk(http).holds(event_id, "ada")).body
        holder = Talk(http).as_one_with(Reservation_Token=held["token"])
        assert (await holder.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"

        async def look() -> list[Receipt] | None:
            there = [one for one in receiver.receipts if one.about == held["id"]]
            said = {one.said["type"] for one in there}
            return there if {"hold.placed", "reservation.confirmed"} <= said else None

        told = await in_time(look, "both facts")
        assert told[-1].said["type"] == "reservation.confirmed"
        last = told[-1]
        signed = f"{last.id}.{last.headers['Webhook-Timestamp']}.".encode() + last.raw
        secret = base64.b64decode(made.body["secret"].removeprefix("whsec_"))
        mac = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        assert last.headers["Webhook-Signature"] == f"v1,{mac}"
        log = await operator.get(f"/webhook-endpoints/{made.body['id']}/deliveries?status=delivered")
        assert {one["reservation_id"] for one in log["items"]} >= {held["id"]}
        assert (await operator.ask("DELETE", f"/webhook-endpoints/{made.body['id']}")).status == 204
