"""The way of one request through a front end, once and in one place: no middleware does it again.

Route, see who calls and whose it is, run the handler, turn what it raised into a problem, count, perhaps log,
render.
aiohttp's router and its Response cost more than all of Turnstile's own work (docs/benchmarks/front-end.md);
so routes are found here, in a tree of path segments, and replies render themselves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from time import perf_counter
from typing import Protocol

from aiohttp import web
from multidict import istr

from domain.account import Scope
from server.access import Admission
from server.access_log import AccessLog
from server.audit import Audit, Noted
from server.belongings import Check as ChargeCheck
from server.callers import Who
from server.cors import Cors
from server.metrics import Metrics, RouteStats
from server.parts import Parts
from server.problems import Problem, invalid
from server.replies import Reply
from server.throttle import Check, Group

REQUEST_ID = istr("X-Request-Id")
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
Handler = Callable[..., Awaitable[Reply]]
Outages = Mapping[type[Exception], str]
OUTAGES: Outages = {OSError: "unavailable", TimeoutError: "unavailable"}
"""What a part raises that cannot be reached or has no room, and the problem it is to the client: the first
that fits. `build_app` takes more of them."""
_SAID = {
    "unavailable": "A part of the server cannot be reached.",
    "overloaded": "Too much is waiting; nothing happened.",
}


class Routed(Protocol):
    """What the dispatcher has to know of a route; `server.route.Route` is one."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def handler(self) -> Handler: ...
    @property
    def who(self) -> Who: ...
    @property
    def scope(self) -> Scope | None: ...
    @property
    def group(self) -> Group | None: ...
    @property
    def grants(self) -> bool: ...
    @property
    def bare(self) -> bool:
        """Takes no query."""


class _Endpoint:
    """A method of a resource."""

    __slots__ = ("admit", "bare", "charge", "handler", "limit", "noted", "path", "stats")

    def __init__(
        self,
        path: str,
        handler: Handler,
        bare: bool,
        stats: RouteStats,
        admit: Admission | None = None,
        limit: Check | None = None,
        charge: ChargeCheck | None = None,
        noted: Noted | None = None,
    ) -> None:
        self.path = path
        self.handler = handler
        self.admit = admit
        self.charge = charge
        self.noted = noted
        self.limit = limit
        self.bare = bare
        self.stats = stats


class _Node:
    """A path segment: what may follow it by name, what by any name, and what ends here."""

    __slots__ = ("any", "endpoints", "named")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.endpoints: dict[str, _Endpoint] = {}

    def grow(self, segment: str) -> _Node:
        node = self.any if segment.startswith("{") else self.named.get(segment)
        if node is not None:
            return node
        node = _Node()
        if segment.startswith("{"):
            self.any = node
        else:
            self.named[segment] = node
        return node


class Dispatcher:
    """Answers every request of a front end."""

    def __init__(self, routes: Sequence[Routed], parts: Parts, outages: Outages = OUTAGES) -> None:
        self._metrics: Metrics = parts.metrics
        self._health = parts.health
        self._access = parts.access
        self._throttle = parts.throttle
        self._belongings = parts.belongings
        self._audit = Audit(parts.audit, parts.reads.now_ms)
        self._cors = Cors(parts.options.cors_origins)
        self._log = AccessLog(parts.options.log_sample_rate, parts.options.trusted_proxies)
        self._outages = outages
        self._root = _Node()
        self._numbers = count(1)
        self._process = os.urandom(6).hex()
        self._unrouted = _Endpoint("unrouted", _no_such_route, False, self._metrics.route("any", "unrouted"))
        for route in routes:
            self._add(route)

    def _add(self, route: Routed) -> None:
        node = self._root
        for segment in route.path.split("/")[1:]:
            node = node.grow(segment)
        admit = self._access.admission(route.who, route.scope)
        limit = self._throttle.check_of(route.group) if route.path.startswith("/api/") else None
        charge = self._belongings.check_of(route.who, route.path)
        noted = self._audit.beside(route)
        for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
            stats = self._metrics.route(method, route.path)
            node.endpoints[method] = _Endpoint(
                route.path, route.handler, route.bare, stats, admit, limit, charge, noted
            )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """aiohttp's handler."""
        begun_s = perf_counter()
        request_id = request.headers.get(REQUEST_ID)
        if request_id is None or not _SANE_REQUEST_ID.fullmatch(request_id):
            request_id = f"{self._process}-{next(self._numbers):x}"
        self._metrics.in_flight += 1
        endpoint = self._unrouted
        fault: Exception | None = None
        try:
            endpoint, values = self._find(request)
            if endpoint.bare and request.rel_url.raw_query_string:
                raise invalid("query", "This takes no query parameters.")
            if endpoint.admit is not None:
                endpoint.admit(request)
            if endpoint.limit is not None:
                await endpoint.limit(request)
            if endpoint.charge is not None:
                await endpoint.charge(request, values)
            if endpoint.noted is not None:
                reply = await endpoint.noted(request, values, request_id)
            else:
                reply = await endpoint.handler(request, *values)
        except Problem as problem:
            reply = problem.reply()
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            fault = error
            reply = self._failed(error, request_id)
        finally:
            self._metrics.in_flight -= 1
        reply.closes = reply.closes or self._health.draining
        reply.render(request, request_id, self._cors.lines(request) if self._cors.enabled else b"")
        self._metrics.answered(endpoint.stats, reply.code, begun_s)
        self._log.answered(request, endpoint.path, reply.code, request_id, begun_s, fault)
        return reply

    def _find(self, request: web.BaseRequest) -> tuple[_Endpoint, list[str]]:
        """The endpoint, and what stands in the path's places. Segments stay as they were sent: ids and
        codes need no escapes, so what is escaped is none."""
        node = self._root
        values: list[str] = []
        for segment in request.rel_url.raw_path.split("/")[1:]:
            following = node.named.get(segment)
            if following is None:
                following = node.any
                if following is None:
                    return self._unrouted, values
                values.append(segment)
            node = following
        endpoint = node.endpoints.get(request.method)
        if endpoint is not None:
            return endpoint, values
        return self._without_endpoint(request, node), []

    def _without_endpoint(self, request: web.BaseRequest, node: _Node) -> _Endpoint:
        """Nothing ends here, or not with this method; or it is a preflight."""
        if not node.endpoints:
            return self._unrouted
        methods = sorted(node.endpoints)
        preflight = self._cors.preflight(request, methods)

        async def answer(_request: web.BaseRequest) -> Reply:
            if preflight is not None:
                return preflight
            allow = f"Allow: {', '.join(methods)}\r\n".encode()
            raise Problem("method_not_allowed", f"Allowed here: {', '.join(methods)}.", allow)

        return _Endpoint("unrouted", answer, False, self._unrouted.stats)

    def _failed(self, error: Exception, request_id: str) -> Reply:
        """A part that cannot be reached or has no room, or a bug: the client hears which, and no more."""
        for kind, code in self._outages.items():
            if isinstance(error, kind):
                return Problem(code, _SAID[code]).reply()
        return Problem("internal", f"Unexpected; in the log as request {request_id}.").reply()


async def _no_such_route(_request: web.BaseRequest, *_values: str) -> Reply:
    raise Problem("not_found", "There is no such resource.")
