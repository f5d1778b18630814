"""The tables of a restaurant's day as a front end has them: read from rows, for all who watch that day."""

from __future__ import annotations

from domain.views import TableDay
from server.readings import Readings
from server.reads import Reads

TableDays = Readings[tuple[str, int], TableDay]


def table_days(reads: Reads) -> TableDays:
    """Those of a front end, by restaurant and day."""

    async def read(place: tuple[str, int], _before: TableDay | None) -> TableDay | None:
        return await reads.table_day(*place)

    return Readings(read)
