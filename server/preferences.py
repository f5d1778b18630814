"""What a client would rather have (RFC 7240). Of the preferences there are, two are known: `respond-async`,
and `wait=n` where something is under way: to be answered when it has come further, n seconds later at most.
"""

from __future__ import annotations

import re

from aiohttp import web
from multidict import istr

PREFER = istr("Prefer")
APPLIED = "Preference-Applied: respond-async\r\n"
WAIT_MAX_S = 30
_WAIT = re.compile(r"\s*wait\s*=\s*([0-9]{1,9})\s*(?:;.*)?", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def prefers_async(request: web.BaseRequest) -> bool:
    """Whether it need not wait for the answer. Costs who says nothing one look-up."""
    if PREFER not in request.headers:
        return False
    return any(_name(preference) == "respond-async" for preference in _said(request))


def preferred_wait_s(request: web.BaseRequest) -> int:
    """How long it would wait for more than that something has begun; what is over the bound is the bound."""
    if PREFER not in request.headers:
        return 0
    for preference in _said(request):
        found = _WAIT.fullmatch(preference)
        if found:
            return min(int(found[1]), WAIT_MAX_S)
    return 0


def applied_wait(wait_s: int) -> bytes:
    """The header line that says so."""
    return b"Preference-Applied: wait=%d\r\n" % wait_s if wait_s else b""


def _said(request: web.BaseRequest) -> list[str]:
    return _QUOTED.sub('""', ",".join(request.headers.getall(PREFER))).split(",")


def _name(preference: str) -> str:
    """Without value and parameters: `respond-async` has none, and what others give it is overlooked."""
    return re.split("[;=]", preference, maxsplit=1)[0].strip().lower()
