"""What stands between the provider and localstripe: what Stripe does and localstripe does not, and faults.

- A POST under an Idempotency-Key has one effect, and each repetition the same answer; with another body it is
  an `idempotency_error`.
- `return_url` is taken, and who has to confirm is sent to a page of the bank's; an intent says what was
  received.
- Answers can be lost (the deed is done), questions hang, or be answered by an error of Stripe's.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from aiohttp import ClientSession, web

SECRET_KEY = "sk_test_turnstile"
BANK = "https://bank.example/confirm"
Answer = tuple[int, bytes]


@dataclass
class Asked:
    """One question."""

    method: str
    path: str
    key: str | None
    form: dict[str, str]


@dataclass
class Front:
    """`losing`: so many answers of POSTs are lost; `failing`: so many questions are answered with `error`,
    and not asked; `hanging`: not at all. `short`: so much less is received than asked for; `refunds`: how all
    of them stand."""

    localstripe: str
    losing: int = 0
    failing: int = 0
    error: Answer = (500, b'{"error": {"type": "api_error", "message": "Oops."}}')
    hanging: bool = False
    short: int = 0
    refunds: str = "succeeded"
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    url: str = ""

    async def __aenter__(self) -> Self:
        self._session = ClientSession()
        self._runner = web.ServerRunner(
            web.Server(self._handle), handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    def posted(self, ending: str) -> list[Asked]:
        return [one for one in self.asked if one.method == "POST" and one.path.endswith(ending)]

    async def ask(self, method: str, path: str, **form: str) -> dict[str, Any]:
        """localstripe itself, past everything here."""
        status, body = await self._forwarded(method, path, form, f"Bearer {SECRET_KEY}")
        assert status == 200, body
        said: dict[str, Any] = json.loads(body)
        return said

    async def method(self, number: str) -> str:
        """A card, as a payment method."""
        card = {"number": number, "exp_month": "12", "exp_year": "2035", "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
        return str((await self.ask("POST", "/v1/payment_methods", **form))["id"])

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        key = request.headers.get("Idempotency-Key")
        form = dict(parse_qsl(body.decode()))
        self.asked.append(Asked(request.method, request.path, key, form))
        if self.hanging:
            await asyncio.sleep(60.0)
        if self.failing:
            self.failing -= 1
            return _reply(self.error)
        own_key = key if request.method == "POST" else None
        answer = await self._once(own_key, request, body, form)
        if self.losing and request.method == "POST":
            self.losing -= 1
            assert request.transport is not None
            request.transport.abort()
        return _reply(answer)

    async def _once(
        self, key: str | None, request: web.BaseRequest, body: bytes, form: dict[str, str]
    ) -> Answer:
        if key is not None and key in self.answers:
            before, answer = self.answers[key]
            other = b'{"error": {"type": "idempotency_error", "message": "Other parameters."}}'
            return answer if before == body else (400, other)
        wanted = {name: value for name, value in form.items() if name != "return_url"}
        path = request.raw_path
        answer = await self._forwarded(request.method, path, wanted, request.headers["Authorization"])
        answer = answer[0], self._as_stripe(answer[1])
        if key is not None:
            self.answers[key] = body, answer
        return answer

    async def _forwarded(self, method: str, path: str, form: dict[str, str], bearer: str) -> Answer:
        headers = {"Authorization": bearer, "Content-Type": "application/x-www-form-urlencoded"}
        data = urlencode(form) if method == "POST" else None
        async with self._session.request(
            method, self.localstripe + path, data=data, headers=headers
        ) as reply:
            return reply.status, await reply.read()

    def _as_stripe(self, body: bytes) -> bytes:
        said = json.loads(body)
        if said.get("object") == "payment_intent":
            received = said["amount"] if said["status"] == "succeeded" else 0
            said["amount_received"] = max(received - self.short, 0)
            if said["status"] == "requires_action":
                said["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": BANK}}
        for refund in [said, *said.get("data", ())] if isinstance(said.get("data", []), list) else ():
            if refund.get("object") == "refund":
                refund["status"] = self.refunds
        return json.dumps(said).encode()


def _reply(answer: Answer) -> web.Response:
    return web.Response(status=answer[0], body=answer[1], content_type="application/json")
