"""Who may: the operator's bearer token, and the token that is a guest's claim to one reservation.

What a reservation's token is made of stands in `domain.papers`. All comparisons take the same time wherever
the difference is.
"""

from __future__ import annotations

import hmac

from aiohttp import web
from multidict import istr

from domain.papers import Papers
from server.problems import Problem, not_found

AUTHORIZATION = istr("Authorization")
RESERVATION_TOKEN = istr("Reservation-Token")


class Access:
    """Checks tokens; `papers` and `is_code_of` are those of `domain.papers`."""

    def __init__(self, admin_token: str, reservation_secret: bytes) -> None:
        if not admin_token:
            raise ValueError("an empty operator's token would let everybody in")
        self._admin = admin_token.encode()
        self._papers = Papers(reservation_secret)
        self.papers = self._papers.of
        self.is_code_of = self._papers.is_code_of

    def is_operator(self, request: web.BaseRequest) -> bool:
        """False without an Authorization header; a wrong one is refused, not overlooked."""
        given = request.headers.get(AUTHORIZATION)
        if given is None:
            return False
        if not self._is_operators(given):
            raise Problem("unauthorized", "The bearer token is not the operator's.")
        return True

    def sees_all(self, request: web.BaseRequest) -> bool:
        """For what everybody may look at: there a wrong token is no worse than none."""
        given = request.headers.get(AUTHORIZATION)
        return given is not None and self._is_operators(given)

    def require_operator(self, request: web.BaseRequest) -> None:
        if not self.is_operator(request):
            raise Problem("unauthorized", "This needs the operator's bearer token.")

    def event_of(self, request: web.BaseRequest, reservation_id: str) -> str:
        """The event that a guest's token names, once the token is found to be this reservation's."""
        given = request.headers.get(RESERVATION_TOKEN)
        if given is None:
            raise Problem("unauthorized", "This needs the Reservation-Token, or the operator's bearer token.")
        named = self._papers.inventory_in(given, reservation_id)
        if named is None:
            raise not_found("reservation")
        return named

    def _is_operators(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        right = hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._admin)
        return right and scheme.lower() == "bearer"
