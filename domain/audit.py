"""The audit log: what operators, organisers and their staff did, an entry for each request that was to change
something. Entries name accounts by their ids and things by theirs; nothing of what was sent is in them."""

from __future__ import annotations

from dataclasses import dataclass

from domain.messages import Message


class AuditEntry(Message, frozen=True):
    """`actor`: `operator`, `shell`, `account:<id>` or `machine:<id>`. `route`: the path with its places,
    `path` what was asked. `thing`: what the path is about first, `made`: what the answer says was made.
    `status` None: it is not known what became of it; `problem`: why it was refused."""

    at_ms: int
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


@dataclass(frozen=True, slots=True)
class WantedEntries:
    """Which entries; what is None does not matter. `thing`: what was asked about or made; `until_ms` is
    itself outside."""

    actor: str | None = None
    organiser_id: str | None = None
    thing: str | None = None
    route: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
