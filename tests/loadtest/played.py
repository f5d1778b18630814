"""Plays a behaviour against a server that is a function."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from loadtest.exchange import Reply, Request
from loadtest.visitor import Pause, Script

Server = Callable[[Request], Reply]


def reply(status: int, body: object, after: str = "") -> Reply:
    return Reply(status, 1, 2, msgspec.json.encode(body), after)


def problem(code: str, status: int, after: str = "") -> Reply:
    return reply(status, {"code": code, "status": status}, after)


def play(script: Script[object], server: Server) -> tuple[list[Request], list[float]]:
    """All requests, and all pauses in seconds."""
    requests: list[Request] = []
    pauses: list[float] = []
    answer = reply(200, {})
    try:
        step = next(script)
        while True:
            if isinstance(step, Pause):
                pauses.append(step.seconds)
                step = next(script)
            else:
                requests.append(step)
                answer = server(step)
                step = script.send(answer)
    except StopIteration:
        return requests, pauses
