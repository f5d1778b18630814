"""What clients of the started server said of people and were told in confidence: whose names, addresses,
telephones, and which tokens, codes and passwords.

Each client notes it by itself, of all that it sends and is answered, so that whatever a story does is looked
for in the logs afterwards (`tests/e2e/test_logs.py`) without anybody having thought of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

KINDS = frozenset(
    ["email", "phone", "present", "password", "token", "access_token", "refresh_token", "secret", "code"]
)
OF_PEOPLE = frozenset({"email", "phone"})
"""A `name` that stands beside one of these is a person's."""
SHORTEST_CHARACTERS = 8
"""What is shorter is a word (`ga`, `sold_out`): it cannot be looked for, and is no secret."""
CREDENTIALS = ("Authorization", "Reservation-Token", "Ticket-Token")
SOMEWHERE: dict[str, str] = {}
"""All that was confided in this run, each with what it is."""


def confide(kind: str, value: str) -> None:
    SOMEWHERE.setdefault(value, kind)


def confided_by(method: str, path: str, body: Any, headers: Mapping[str, str], answer: Any) -> None:
    """Note what of one request and its answer is nobody else's business."""
    for name in CREDENTIALS:
        if name in headers:
            confide(name, headers[name].removeprefix("Bearer "))
    refused = isinstance(answer, dict) and "code" in answer and "status" in answer and "title" in answer
    asked = dict(parse_qsl(urlsplit(path).query))
    for part in (asked, body, None if refused else answer):
        for kind, value in _secrets(part):
            confide(f"{kind} of {method} {urlsplit(path).path}", value)


def _secrets(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, list):
        for one in part:
            yield from _secrets(one)
    if not isinstance(part, dict):
        return
    kinds = KINDS | {"name"} if part.keys() & OF_PEOPLE else KINDS
    for kind, value in part.items():
        if not isinstance(value, str):
            yield from _secrets(value)
        elif kind in kinds and len(value) >= SHORTEST_CHARACTERS:
            yield kind, value
        elif kind == "name" and kind in kinds:
            raise AssertionError(f"{value!r} is too short to be looked for in logs: use `person`")


def spellings(value: str) -> set[str]:
    """As it may stand in a log: as it is, in JSON, in an address."""
    return {value.casefold(), ascii(value)[1:-1].casefold(), quote(value, safe="").casefold()}
