"""The way to an endpoint leads to nobody else's network, and takes no more time and bytes than it may."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from actors.webhooks.reach import NotReached, Reach
from domain.endpoints import ENDPOINTS_MAX
from tests.webhooks.receiver import Receiver, after, receiving

ANSWER_MAX_BYTES = 1_000
NOT_PUBLIC = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "::ffff:127.0.0.1",
]


class Says(AbstractResolver):
    """A name server that says what it is told to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)]

    async def close(self) -> None:
        return


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def posted(url: str, local: bool = True, timeout_s: float = 5.0, resolver: Says | None = None) -> int:
    reach = Reach(local, timeout_s, ANSWER_MAX_BYTES, resolver)
    try:
        return await reach.post(url, {"Webhook-Id": "i"}, b"{}")
    finally:
        await reach.close()


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket of this machine that nobody may come to."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setblocking(False)
        yield made
        with pytest.raises(BlockingIOError):
            made.accept()


async def test_an_answer_is_its_status(receiver: Receiver) -> None:
    receiver.answers["/no"] = lambda _: 503
    assert await posted(receiver.url + "/yes") == 200
    assert await posted(receiver.url + "/no") == 503
    assert receiver.receipts[0].raw == b"{}"
    assert receiver.receipts[0].id == "i"


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_that_leads_to_a_private_address_leads_nowhere(address: str) -> None:
    with listening() as here:
        port = here.getsockname()[1]
        with pytest.raises(NotReached, match="not a public address"):
            await posted(f"https://hooks.example:{port}/", local=False, resolver=Says(address))


@pytest.mark.parametrize("host", ["0x7f000001", "0x7f.0.0.0x1", "localhost", "127.1.example.invalid"])
async def test_so_does_an_address_written_in_another_way(host: str) -> None:
    with listening() as here, pytest.raises(NotReached):
        await posted(f"https://{host}:{here.getsockname()[1]}/", local=False)


async def test_a_name_that_says_something_else_at_the_second_look_is_looked_at_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers["/"] = lambda _: _closing()
    port = receiver.url.rpartition(":")[2]
    monkeypatch.setattr("actors.webhooks.reach.DNS_KEPT_S", 0)
    reach = Reach(True, 5.0, ANSWER_MAX_BYTES, Says("127.0.0.1", "169.254.169.254"))
    assert await reach.post(f"http://localhost:{port}/", {}, b"{}") == 200
    with pytest.raises(NotReached, match="not a public address"):
        await reach.post(f"http://localhost:{port}/", {}, b"{}")
    await reach.close()


async def test_names_that_nobody_answers_for_hold_up_no_other_endpoint(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, over = socket.getaddrinfo, threading.Event()

    def slow(host: str, *rest: Any, **named: Any) -> Any:
        if host.endswith(".slow.example"):
            over.wait()
            raise socket.gaierror("nobody answers")
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    reach = Reach(True, 5.0, ANSWER_MAX_BYTES)
    urls = [f"https://{number}.slow.example/" for number in range(ENDPOINTS_MAX)]
    waiting = [asyncio.create_task(reach.post(url, {}, b"{}")) for url in urls]
    await asyncio.sleep(0)
    try:
        assert await reach.post(receiver.url.replace("127.0.0.1", "localhost") + "/", {}, b"{}") == 200
    finally:
        over.set()
        failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in failed} == {NotReached}
    await reach.close()


async def _closing() -> web.StreamResponse:
    return web.Response(headers={"Connection": "close"})


async def test_where_this_machine_may_be_told_other_private_addresses_may_not() -> None:
    with pytest.raises(NotReached, match="not a public address"):
        await posted("https://hooks.example/", local=True, resolver=Says("10.0.0.1"))


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://user:word@hooks.example/", "file:///etc/passwd"]
)
async def test_an_address_that_could_not_be_registered_is_not_used_either(url: str) -> None:
    with pytest.raises(NotReached):
        await posted(url, local=False, resolver=Says("1.1.1.1"))


async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    async def elsewhere() -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": receiver.url + "/other"})

    receiver.answers["/"] = lambda _: elsewhere()
    assert await posted(receiver.url + "/") == 307
    assert receiver.at("/other") == []


async def test_an_answer_that_does_not_come_is_not_waited_for(receiver: Receiver) -> None:
    receiver.answers["/"] = lambda _: after(30)
    with pytest.raises(NotReached, match="in time"):
        await posted(receiver.url + "/", timeout_s=0.1)


async def test_an_answer_that_comes_in_drops_is_not_waited_for(receiver: Receiver) -> None:
    request_of: list[web.Request] = []

    async def drops(request: web.Request) -> web.StreamResponse:
        request_of.append(request)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b"x")
            await asyncio.sleep(0.02)
        return response

    async with _serving(drops) as url:
        with pytest.raises(NotReached, match="in time"):
            await posted(url, timeout_s=1.0)  # long enough to get there, on a busy machine too
    assert request_of


async def test_of_a_long_answer_no_more_is_read_than_may_be() -> None:
    ended = asyncio.Event()

    async def floods(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            ended.set()

    async with _serving(floods) as url:
        assert await posted(url) == 200
        async with asyncio.timeout(5):
            await ended.wait()


async def test_an_answer_with_too_long_a_head_is_none(receiver: Receiver) -> None:
    async def heavy() -> web.StreamResponse:
        return web.Response(headers={"X": "x" * 10_000})

    receiver.answers["/"] = lambda _: heavy()
    with pytest.raises(NotReached):
        await posted(receiver.url + "/")


async def test_neither_proxies_nor_cookies_are_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def sweet() -> web.StreamResponse:
        response = web.Response()
        response.set_cookie("a", "b")
        return response

    receiver.answers["/"] = lambda _: sweet()
    reach = Reach(True, 5.0, ANSWER_MAX_BYTES)
    for _ in range(2):
        assert await reach.post(receiver.url + "/", {}, b"{}") == 200
    await reach.close()
    assert all("Cookie" not in receipt.headers for receipt in receiver.receipts)


@asynccontextmanager
async def _serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """One handler on a free port."""
    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()
