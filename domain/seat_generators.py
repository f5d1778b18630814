"""Plans that need not be drawn: a block of rows, and a stadium's bowl.

Coordinates are centimetres. Whoever calls these has made sure of the bounds; `flaws` of what they make
says what is wrong with the labels and categories they were given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from domain.messages import Message
from domain.seat_plan import ROWS_MAX, SEATS_MAX, Plan, Row, Seat, Section

TIERS_MAX = 10
SECTORS_MAX = 200
SEAT_WIDTH_CM = 50
ROW_DEPTH_CM = 80
WALKWAY_CM = 300
PITCH_LENGTH_CM = 10_500
PITCH_WIDTH_CM = 6_800
SECTOR_GAP = 0.1
"""Of a sector's angle, the part that is left free for stairs."""
STANDARD = "standard"


class Tier(Message, frozen=True):
    """A ring of a bowl: equal sectors whose rows grow by `seats_added` from one to the next.

    `categories` are given to equal shares of the sectors, all the way round. The last row of each sector
    begins with `accessible` pairs of an accessible seat and a companion's.
    """

    label: str
    sectors: int
    rows: int
    seats_per_row: int
    seats_added: int = 0
    categories: tuple[str, ...] = (STANDARD,)
    accessible: int = 0

    @property
    def size(self) -> int:
        """How many seats it has."""
        return self.sectors * (
            self.rows * self.seats_per_row + self.seats_added * self.rows * (self.rows - 1) // 2
        )


def block(
    section_label: str,
    rows: int,
    seats_per_row: int,
    categories: Sequence[tuple[str, int]] = ((STANDARD, ROWS_MAX),),
    aisles: Sequence[int] = (),
    accessible: int = 0,
) -> Plan:
    """One section of equal rows, numbered from 1, as its seats are.

    `categories`: (category, last row of it) pairs, in order; rows after the last pair are of its category.
    `aisles`: after these seats. `accessible`: pairs of seats, as in a `Tier`.
    """
    assert rows * seats_per_row <= SEATS_MAX
    made = []
    for row in range(1, rows + 1):
        category = next((code for code, last in categories if row <= last), categories[-1][0])
        pairs = accessible if row == rows else 0
        seats, place = [], 0
        for seat in range(1, seats_per_row + 1):
            at = (place * SEAT_WIDTH_CM, (row - 1) * ROW_DEPTH_CM)
            seats.append(_seat(seat, category, at, pairs, seat in aisles))
            place += 2 if seat in aisles else 1
        made.append(Row(str(row), tuple(seats)))
    return Plan((Section(section_label, tuple(made)),))


def bowl(
    tiers: Sequence[Tier], pitch_length: int = PITCH_LENGTH_CM, pitch_width: int = PITCH_WIDTH_CM
) -> Plan:
    """Sectors round a pitch whose middle is (0, 0), tier outside tier: section "A-1" is tier A's first."""
    assert sum(tier.size for tier in tiers) <= SEATS_MAX
    away, sections = WALKWAY_CM, []
    for tier in tiers:
        for sector in range(tier.sectors):
            rows = tuple(
                _arc(tier, sector, row, pitch_length, pitch_width, away + row * ROW_DEPTH_CM)
                for row in range(tier.rows)
            )
            sections.append(Section(f"{tier.label}-{sector + 1}", rows))
        away += tier.rows * ROW_DEPTH_CM + WALKWAY_CM
    return Plan(tuple(sections))


def _arc(tier: Tier, sector: int, row: int, length: int, width: int, away: int) -> Row:
    """One row of a sector, on an ellipse that is `away` from the one through the pitch's corners."""
    category = tier.categories[sector * len(tier.categories) // tier.sectors]
    count = tier.seats_per_row + row * tier.seats_added
    pairs = tier.accessible if row == tier.rows - 1 else 0
    along, across = length / math.sqrt(2) + away, width / math.sqrt(2) + away
    step = math.tau / tier.sectors
    seats = []
    for seat in range(count):
        angle = step * (sector + SECTOR_GAP / 2 + (1 - SECTOR_GAP) * (seat + 0.5) / count)
        at = (round(along * math.cos(angle)), round(across * math.sin(angle)))
        seats.append(_seat(seat + 1, category, at, pairs, False))
    return Row(str(row + 1), tuple(seats))


def _seat(number: int, category: str, at: tuple[int, int], pairs: int, aisle_after: bool) -> Seat:
    """The seat of that number in its row; the first 2 x `pairs` are accessible and companions' in turns."""
    paired = number <= 2 * pairs
    accessible, companion = paired and number % 2 == 1, paired and number % 2 == 0
    return Seat(str(number), category, *at, accessible, companion, aisle_after)
