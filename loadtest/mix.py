"""What the users of a load run are there for, and in which proportion: `tickets=3,seats=2,browse=5`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from loadtest.record import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
WEIGHT_MAX = 1_000
ONLY_TICKETS = "tickets=1"
MIX_HELP = (
    "What clients are there for, and in which proportion: tickets (an on-sale), seats (a rush for named or"
    " best seats), tables (a restaurant's evening, with staff), sessions (free, one for each), browse (lists,"
    " details, maps, searches). For example tickets=3,seats=2,tables=2,sessions=1,browse=5"
)


class WrongMix(ValueError):
    """It cannot be read; the message fits one line."""


def parse_mix(text: str) -> dict[Kind, int]:
    """The weight of each kind that is wanted, in the order of `KINDS`. Raises `WrongMix`."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, given, weight = (word.strip() for word in part.partition("="))
        if name not in KINDS or name in found:
            raise WrongMix(f"{part.strip()!r}: each once of {', '.join(KINDS)}, as in tickets=3,seats=2")
        found[name] = _weight(part, weight) if given else 1
    mix = {kind: found[kind] for kind in KINDS if found.get(kind)}
    if not mix.keys() - {"browse"}:
        raise WrongMix("somebody has to reserve something, or there is nothing to audit: add tickets=1")
    return mix


def _weight(part: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= WEIGHT_MAX):
        raise WrongMix(f"{part.strip()!r}: a weight is a whole number from 0 to {WEIGHT_MAX:,}")
    return int(text)


def described(mix: Mapping[Kind, int]) -> str:
    return ", ".join(f"{kind} {weight}" for kind, weight in mix.items())
