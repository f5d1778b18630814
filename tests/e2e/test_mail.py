"""Who confirms a reservation is told so by mail, also after the news actor was killed."""

from __future__ import annotations

import asyncio
import time
import uuid
from email.message import EmailMessage

import aiohttp
import psutil

from tests.e2e.people import letters
from tests.e2e.talk import Talk, address_of, operators
from tests.served import Served

IN_TIME_S = 60.0
POLL_S = 0.2


async def told(server: Served, address: str) -> EmailMessage:
    """The letter, as soon as it is there."""
    end_s = time.monotonic() + IN_TIME_S
    while not (found := letters(server, address)):
        assert time.monotonic() < end_s, f"no letter to {address}"
        await asyncio.sleep(POLL_S)
    assert len(found) == 1
    return found[0]


async def confirmed(anybody: Talk, event_id: str) -> tuple[str, str]:
    """The address of a new buyer, and the cancel code."""
    who = f"buyer-{uuid.uuid4().hex}"
    held = (await anybody.holds(event_id, who)).body
    holder = anybody.as_one_with(Reservation_Token=held["token"])
    assert (await holder.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"
    return address_of(who), held["code"]


async def test_a_buyer_is_told_with_the_code_and_the_operator_can_read_it(running_server: Served) -> None:
    places = running_server.endpoints
    async with aiohttp.ClientSession(places["http"]) as http:
        operator = operators(http, running_server)
        event_id = await operator.new_event(5, price=0, cancel_until="2031-05-01T20:00:00Z")
        address, code = await confirmed(Talk(http), event_id)
        letter = await told(running_server, address)
        assert letter["Subject"] == "Confirmed: A show"
        assert code in letter.as_string()
        password = aiohttp.encode_basic_auth("me", places["admin_token"])
        async with http.get("/mail", headers={"Authorization": password}) as page:
            assert address in await page.text()
        async with http.get("/mail") as page:
            assert page.status == 401


async def test_a_buyer_is_told_though_the_mail_actor_was_killed(running_server: Served) -> None:
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        event_id = await operators(http, running_server).new_event(5, price=0)
        actors = [one for one in running_server.family() if "NewsActor" in " ".join(one.cmdline())]
        for actor in actors:
            actor.kill()
        assert actors
        address, _ = await confirmed(Talk(http), event_id)
        await told(running_server, address)
        assert all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in actors)
