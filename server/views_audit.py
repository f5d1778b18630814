"""What operators get of the audit log; see `server/views.py`."""

from __future__ import annotations

from domain.audit import AuditEntry
from server.times import rfc3339
from server.views import View


class AuditEntryView(View, frozen=True):
    """`actor`: `operator` (the token of the settings), `shell` (its `route` are a command's words),
    `account:<id>` or `machine:<id>`. `thing`: what the path is about, `made`: what was made. `status` null:
    it is not known what became of it. `problem`: the code of a refusal; of a command `begun`, and `failed`:
    it has an entry when it begins and one when it ends, of one `request_id`. That of a request is in the
    access log too."""

    number: int
    at: str
    actor: str
    role: str
    organiser_id: str | None
    method: str
    route: str
    path: str
    thing: str | None
    made: str | None
    request_id: str
    status: int | None
    problem: str | None


def audit_entry_view(number: int, entry: AuditEntry) -> AuditEntryView:
    return AuditEntryView(
        number,
        rfc3339(entry.at_ms),
        entry.actor,
        entry.role,
        entry.organiser_id,
        entry.method,
        entry.route,
        entry.path,
        entry.thing,
        entry.made,
        entry.request_id,
        entry.status,
        entry.problem,
    )
