"""What a client would rather have (RFC 7240). Of the preferences there are, one is known: `respond-async`."""

from __future__ import annotations

import re

from aiohttp import web
from multidict import istr

PREFER = istr("Prefer")
APPLIED = "Preference-Applied: respond-async\r\n"
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def prefers_async(request: web.BaseRequest) -> bool:
    """Whether it need not wait for the answer. Costs who says nothing one look-up."""
    if PREFER not in request.headers:
        return False
    said = _QUOTED.sub('""', ",".join(request.headers.getall(PREFER)))
    return any(_name(preference) == "respond-async" for preference in said.split(","))


def _name(preference: str) -> str:
    """Without value and parameters: `respond-async` has none, and what others give it is overlooked."""
    return re.split("[;=]", preference, maxsplit=1)[0].strip().lower()
