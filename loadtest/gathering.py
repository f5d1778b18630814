"""What people do when a community's free sessions are announced: reserve at once, and some change their mind.

A place is confirmed when it is reserved, one for each e-mail. Some hold first and confirm later; some ask
again with the same e-mail and are told; some cancel, with their token or with e-mail and code.
"""

from __future__ import annotations

import random

import msgspec

from loadtest.exchange import API, Reply, Request
from loadtest.visitor import (
    OTHER_BODY_SHARE,
    SAME_AGAIN_SHARE,
    THINK_S,
    WAIT_LOOK_S,
    Script,
    Visitor,
    mine_of,
)

PLACE = "place"
AT_ONCE_SHARE = 0.8
AGAIN_SHARE = 0.1
FATES, FATE_WEIGHTS = ("come", "cancel by code", "cancel by token"), (70, 15, 15)


class Gathering(msgspec.Struct, frozen=True):
    """Sessions, all open from the same moment on."""

    sessions: tuple[str, ...]
    opens_us: int


class Neighbour(Visitor):
    """One of the community."""

    def __init__(self, name: str, gathering: Gathering, rng: random.Random) -> None:
        super().__init__(name, rng)
        self.gathering = gathering

    def join(self) -> Script[None]:
        """One session, from the look at it to the end."""
        session = self._rng.choice(self.gathering.sessions)
        look = self._look(session)
        yield from self.wait_for(self.gathering.opens_us, look)
        request = self._request(session, self.next_email("neighbour"), self._rng.random() < AT_ONCE_SHARE)
        reply = yield from self.come_back(request)
        if not reply.done:
            yield look
            yield self.pause(WAIT_LOOK_S)
            return
        yield from self._again(request)
        yield self.pause(THINK_S)
        mine = mine_of(request, reply)
        if reply.reservation.status == "held":
            yield from self.act(mine, "confirm")
        match self._rng.choices(FATES, FATE_WEIGHTS)[0]:
            case "cancel by code":
                yield from self.insist(_by_code(request, reply))
            case "cancel by token":
                yield from self.act(mine, "cancel")
            case _:
                yield look

    def _again(self, request: Request) -> Script[None]:
        """What is asked once more: the same; with the key and another name; or as a second reservation."""
        if self._rng.random() < SAME_AGAIN_SHARE:
            yield from self.insist(request)
        if self._rng.random() < OTHER_BODY_SHARE:
            yield from self.insist(self._request(request.event, f"x{request.email}", True, request.key))
        if self._rng.random() < AGAIN_SHARE:
            yield from self.insist(self._request(request.event, request.email, True))

    def _look(self, session: str) -> Request:
        return Request(
            "availability", "GET", f"{API}/events/{session}/availability", session, kind="sessions"
        )

    def _request(self, session: str, email: str, at_once: bool, key: str = "") -> Request:
        body = {
            "lines": [{"ticket_type": PLACE, "quantity": 1}],
            "customer": {"name": f"Neighbour {self.name}", "email": email},
            "confirm": at_once,
        }
        return Request(
            "hold",
            "POST",
            f"{API}/events/{session}/reservations",
            session,
            msgspec.json.encode(body),
            key=key or self.key(),
            email=email,
            wanted=((PLACE, 1),),
            kind="sessions",
        )


def _by_code(request: Request, reply: Reply) -> Request:
    """The same reservation, named by who it is for and the code that came with it."""
    body = msgspec.json.encode({"email": request.email, "code": reply.reservation.code})
    path, reservation = f"{API}/events/{request.event}/reservations/cancel", reply.reservation.id
    key = f"code-{reservation}"
    return Request("cancel", "POST", path, request.event, body, reservation, key=key, kind="sessions")
