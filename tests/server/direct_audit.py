"""The audit log in memory, as `server.audit` describes it."""

from __future__ import annotations

from domain.audit import AuditEntry, WantedEntries


class DirectAudit:
    """What was written. `failing`: nothing can be."""

    def __init__(self) -> None:
        self.kept: list[AuditEntry] = []
        self.failing: Exception | None = None

    async def write(self, entry: AuditEntry) -> None:
        if self.failing is not None:
            raise self.failing
        self.kept.append(entry)

    async def entries(self, wanted: WantedEntries, before: int, limit: int) -> list[tuple[int, AuditEntry]]:
        numbered = list(enumerate(self.kept, 1))
        found = [(number, one) for number, one in numbered if number < before and _fits(one, wanted)]
        return found[::-1][:limit]


def _fits(one: AuditEntry, wanted: WantedEntries) -> bool:
    return (
        wanted.actor in (None, one.actor)
        and wanted.organiser_id in (None, one.organiser_id)
        and wanted.route in (None, one.route)
        and wanted.thing in (None, one.thing, one.made)
        and (wanted.since_ms is None or one.at_ms >= wanted.since_ms)
        and (wanted.until_ms is None or one.at_ms < wanted.until_ms)
    )
