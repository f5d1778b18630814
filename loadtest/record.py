"""What clients saw: append-only JSON lines, one file per process, read back together by the auditor.

A client writes an entry when a request has ended, however it ended. Nothing that an entry says comes from
the server's database: an auditor who believed the server could not find it lying. Times are microseconds of
the generator's wall clock. Bodies are kept as digests, but for what a reservation's reply says of itself.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

import msgspec

Lines = tuple[tuple[str, int, int], ...]
"""(ticket type, quantity, unit price) of each line, in the reply's order."""
Wanted = tuple[tuple[str, int], ...]
Kind = Literal["tickets", "seats", "tables", "sessions", "browse"]
"""What a client was there for."""
Operation = Literal[
    "hold",
    "confirm",
    "cancel",
    "extend",
    "change",
    "read",
    "availability",
    "event",
    "map",
    "list",
    "search",
    "move",
    "seat",
    "complete",
    "no-show",
    "prolong",
    "walk-in",
    "check-in",
    "undo",
]
"""Those from `search` to `walk-in` are asked of restaurants only, the last two of tickets; `map` is
an event's seats, `list` anything listed."""

NO_REPLY = 0
INTERRUPTED = "interrupted"
"""The code of a request that was not waited for, because the run ended."""
FLUSH_AFTER_S = 1.0
DIGEST_BYTES = 12


class View(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a reply said of a reservation."""

    status: str
    expires_ms: int
    lines: Lines
    total: int
    created_ms: int = 0


class Wish(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was asked of a restaurant: so many persons, from when on (0: as it is, or now), at which table
    (its id; empty: any), for or by how many minutes (0: as the house has it)."""

    start_ms: int
    party_size: int
    table: str = ""
    minutes: int = 0


class Sitting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a reply said of a reservation of tables. `expires_ms` is 0 unless it is held."""

    status: str
    expires_ms: int
    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    party_size: int
    created_ms: int


class Call(msgspec.Struct, frozen=True, omit_defaults=True, tag="call", gc=False):
    """One request and its end. `status` 0: no reply came. `sent`, `got`: digests of the two bodies.

    `event` is the inventory: an event, or a restaurant where `kind` is tables; empty for lists of several.
    """

    client: str
    op: Operation
    event: str
    sent_us: int
    got_us: int
    status: int = NO_REPLY
    code: str = ""
    """The problem's code, where the reply was one."""
    reservation: str = ""
    key: str = ""
    sent: str = ""
    got: str = ""
    email: str = ""
    wanted: Wanted = ()
    view: View | None = None
    sequence: int = -1
    counts: tuple[tuple[str, int, int, int], ...] = ()
    """(ticket type, available, held, confirmed) of an availability."""
    kind: Kind = "tickets"
    named: tuple[str, ...] = ()
    """Seats that were asked for by their names; without any, the best were."""
    seats: tuple[str, ...] = ()
    """Seats that the reply gave, in the order of its lines."""
    wish: Wish | None = None
    sitting: Sitting | None = None
    number: int = 0
    """Of a ticket, in its reservation."""

    @property
    def done(self) -> bool:
        """It was answered with success."""
        return 200 <= self.status < 300

    @property
    def said(self) -> View | Sitting | None:
        """What its reply said of a reservation, of whatever kind."""
        return self.view or self.sitting

    @property
    def unknown(self) -> bool:
        """It may have had its effect, or not."""
        return self.status == NO_REPLY or self.code == "unavailable" or self.status in (500, 502, 504)


class Sale(msgspec.Struct, frozen=True, omit_defaults=True, tag="sale", gc=False):
    """An event that this run created and sells."""

    event: str
    name: str
    opens_us: int
    quotas: tuple[tuple[str, int], ...]
    capacity: int | None = None
    hold_duration_s: int = 0
    witnessed: bool = False
    """Sold to a few clients only, so that their histories can be checked for linearizability."""
    kind: Kind = "tickets"
    seats: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(ticket type, the names of all its seats) where it has seats and they are few."""


class Dining(msgspec.Struct, frozen=True, omit_defaults=True, tag="dining", gc=False):
    """A restaurant that this run created, in UTC and open day and night."""

    restaurant: str
    name: str
    tables: tuple[tuple[str, int, int], ...]
    """(id, smallest, largest party)."""
    stay_minutes: int
    buffer_minutes: int
    hold_duration_s: int
    opens_us: int
    witnessed: bool = False
    """As of a sale."""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, tag="fault", gc=False):
    """Something was broken on purpose from `from_us` on; at `back_us` the parts were seen to be back.

    What it may be an excuse for is said beforehand: nothing can be sold, connections are cut, or holds that
    nobody asks for end later.
    """

    name: str
    from_us: int
    back_us: int
    stops_sales: bool = True
    cuts_connections: bool = False
    delays_ends: bool = False


class Told(msgspec.Struct, frozen=True, omit_defaults=True, tag="told", gc=False):
    """What the statistics of an event said at a sequence."""

    event: str
    sequence: int
    sold: int
    revenue: int
    types: tuple[tuple[str, int, int, int], ...]
    """(ticket type, sold, revenue, held), in the operator's order."""
    since_ms: int
    """Where the first of the minutes begins."""
    minutes: tuple[tuple[int, int], ...]
    """(sold, revenue)."""


Seating = tuple[str, int, int]
"""(status, reservations, covers)."""


class ToldStays(msgspec.Struct, frozen=True, omit_defaults=True, tag="told-stays", gc=False):
    """What the statistics of a restaurant said at a sequence."""

    restaurant: str
    sequence: int
    by_status: tuple[Seating, ...]
    deposits: tuple[tuple[str, int, int], ...]
    """(currency, taken, kept)."""
    since: str
    """The first of the dates."""
    days: tuple[tuple[Seating, ...], ...]


class Ranked(msgspec.Struct, frozen=True, omit_defaults=True, tag="ranked", gc=False):
    """What the list of the first events said of one, after all clients had stopped."""

    event: str
    sold: int
    revenue: int


Entry = Call | Sale | Dining | Fault | Told | ToldStays | Ranked

_decoder = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder()


def now_us() -> int:
    return time.time_ns() // 1000


def digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()


class Recorder:
    """One process's file. Buffered, and flushed each second: a killed process loses no more than that."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}-{os.getpid()}.jsonl"
        self._file: IO[bytes] = self.path.open("ab", buffering=1 << 18)
        self._flush_at_s = 0.0

    def write(self, entry: Entry) -> None:
        self._file.write(_encoder.encode(entry) + b"\n")
        now_s = time.monotonic()
        if now_s >= self._flush_at_s:
            self._file.flush()
            self._flush_at_s = now_s + FLUSH_AFTER_S

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_records(folder: Path) -> Iterator[Entry]:
    """All entries of all processes, file after file. The last line of a file may be torn, no other."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield _decoder.decode(line)
