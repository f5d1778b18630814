"""Cross-origin requests (Fetch standard): which origins' pages may call the API. None unless set.

No cookies are involved, so credentials are never allowed: a page sends its tokens as headers.
"""

from __future__ import annotations

from aiohttp import web
from multidict import istr

from server.replies import Reply

ORIGIN = istr("Origin")
PREFLIGHT_MAX_AGE_S = 600
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, Prefer, Reservation-Token,"
    " X-Request-Id"
)
_EXPOSED_HEADERS = "ETag, Location, Preference-Applied, Retry-After, X-Request-Id"


class Cors:
    """The answer to each origin."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self.enabled = bool(origins)
        self._any = "*" in origins
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def allows(self, origin: str | None) -> bool:
        return origin is not None and (self._any or origin in self._origins)

    def lines(self, request: web.BaseRequest) -> bytes:
        """Header lines for the answer to a request, whatever it is."""
        origin = request.headers.get(ORIGIN)
        if not self.allows(origin):
            return b"Vary: Origin\r\n"
        expose = f"Access-Control-Expose-Headers: {_EXPOSED_HEADERS}\r\n"
        return f"Access-Control-Allow-Origin: {origin}\r\nVary: Origin\r\n{expose}".encode()

    def preflight(self, request: web.BaseRequest, methods: list[str]) -> Reply | None:
        """The answer to a preflight of a path with these methods; None if it is none, or not allowed."""
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or asked is None or not self.allows(request.headers.get(ORIGIN)):
            return None
        lines = (
            f"Access-Control-Allow-Methods: {', '.join(methods)}\r\n"
            f"Access-Control-Allow-Headers: {_ALLOWED_HEADERS}\r\n"
            f"Access-Control-Max-Age: {PREFLIGHT_MAX_AGE_S}\r\n"
        )
        return Reply(204, b"", lines.encode(), content_type="")
