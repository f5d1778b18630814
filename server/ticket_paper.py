"""What the front end tells the printer, and how: nothing here draws, so that who only asks need not load what
does.
"""

from __future__ import annotations

import msgspec

LENGTH_BYTES = 4
"""Before each message, either way."""
DONE, FAILED = b"\x01", b"\x00"
"""How an answer begins."""


class PaperTicket(msgspec.Struct, frozen=True):
    """One page. `seat` and `holder` may be empty."""

    number: int
    ticket_type: str
    seat: str
    holder: str
    code: str


class Paper(msgspec.Struct, frozen=True):
    """A file: what is the same on all of its pages, and the tickets."""

    event: str
    when: str
    where: str
    reservation_id: str
    of: int
    """How many tickets the reservation has."""
    tickets: tuple[PaperTicket, ...]
