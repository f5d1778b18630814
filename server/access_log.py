"""One line per request that is worth one: each fault of the server, and a sample of the rest.

An answer of 4xx is an answer: sold out, a thousand times a second, is sampled like success. Faults are
logged up to a bound per second, because the overloaded server is the one that must not drown in its log:
as a warning what will pass (503), as an error a bug (500), with what was raised.
"""

from __future__ import annotations

import logging
import random
from time import monotonic, perf_counter

import structlog
from aiohttp import web

from server.client_address import ClientAddress
from server.ids import parse_id

FAULTS_LOGGED_MAX_PER_S = 50

_log = structlog.get_logger("turnstile.http")


class AccessLog:
    """Decides what is logged, and writes it."""

    def __init__(self, sample_rate: float, trusted_proxies: tuple[str, ...]) -> None:
        self._rate = sample_rate
        self._address = ClientAddress(trusted_proxies)
        self._second = 0
        self._faults = 0

    def answered(
        self,
        request: web.BaseRequest,
        route: str,
        status: int,
        request_id: str,
        begun_s: float,
        error: Exception | None = None,
    ) -> None:
        """Log this request if it is a fault, or if it is its turn. `error`: what no handler expected."""
        if status < 500:
            if random.random() >= self._rate:
                return
        elif self._over_bound():
            return
        _log.log(
            _level(status),
            "request",
            method=request.method,
            route=route,
            path=_path(route, request.rel_url.raw_path),
            status=status,
            ms=round((perf_counter() - begun_s) * 1000, 2),
            client=self._address.of(request),
            request_id=request_id,
            **_explained(status, error),
        )

    def _over_bound(self) -> bool:
        second = int(monotonic())
        if second != self._second:
            self._second, self._faults = second, 0
        self._faults += 1
        return self._faults > FAULTS_LOGGED_MAX_PER_S


def _path(route: str, path: str) -> str:
    """The route with the ids that stand in its places. What else may stand there or, where there is no such
    route, anywhere may be a secret: a token in a link, mistyped or cut short."""
    pairs = zip(route.split("/"), path.split("/"), strict=False)
    return "/".join([parse_id(sent) or place if place.startswith("{") else place for place, sent in pairs])


def _level(status: int) -> int:
    if status < 500:
        return logging.INFO
    return logging.ERROR if status == 500 else logging.WARNING


def _explained(status: int, error: Exception | None) -> dict[str, object]:
    """Of a bug where it happened; of a part that is out a word will do."""
    if error is None:
        return {}
    return {"exc_info": error} if status == 500 else {"error": repr(error)}
