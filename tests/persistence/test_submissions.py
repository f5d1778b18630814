"""Submissions in PostgreSQL: accepted once, taken by one at a time, and ended once, whoever is in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from domain.event_messages import CreateEvent, DeleteEvent, Stage
from domain.messages import Code, Rejected
from domain.submission import Done, Final, Found, Standing, Submission
from persistence import submissions as stored
from persistence.clock import StoreClock
from persistence.maintenance import Maintenance
from persistence.reads import PostgresReads
from persistence.rows import NOW
from persistence.store import Refused
from persistence.submissions import FULL, KEY_REUSED, NO_INVENTORY, PendingBounds, PostgresSubmissions
from tests.persistence.sales import OWNER, Sale, new_id, new_request_id, place, terms
from tests.persistence.worlds import PostgresWorld

LEASE_MS = 60_000
NO = Rejected(Code.SOLD_OUT, "Nothing left.", {"requested": 1})
BOUND = 4


@pytest.fixture
async def submissions(postgres: PostgresWorld) -> AsyncIterator[PostgresSubmissions]:
    """With nothing pending from other tests."""
    connection = await postgres.connection()
    await connection.execute("DELETE FROM submissions")
    made = PostgresSubmissions(postgres.url)
    yield made
    await made.close()


@pytest.fixture
async def sale(postgres: PostgresWorld) -> Sale:
    return await Sale.opened(postgres.store())


def submission(sale: Sale, request_id: bytes = b"", body: bytes = b"body") -> Submission:
    command = place()
    named = (command.reservation_id, sale.id, "event", command)
    return Submission(*named, request_id or new_request_id(), body)


async def accepted(submissions: PostgresSubmissions, sale: Sale, number: int) -> list[Submission]:
    made = [submission(sale) for _ in range(number)]
    for one in made:
        assert await submissions.accept(one) == one.id
    return made


async def recorded(postgres: PostgresWorld, request_id: bytes) -> list[bytes]:
    connection = await postgres.connection()
    rows = await connection.fetch("SELECT reply FROM requests WHERE request_id = $1", request_id)
    return [row["reply"] for row in rows]


# --- accepting ------------------------------------------------------------------------------------


async def test_what_is_accepted_is_pending_and_its_submitter_is_told(
    submissions: PostgresSubmissions, sale: Sale
) -> None:
    told: list[str] = []
    submissions.on_accepted = lambda: told.append("something to take")
    new = submission(sale)
    assert await submissions.find(new.id) is None
    assert await submissions.accept(new) == new.id
    assert await submissions.find(new.id) == Found(
        new.id, sale.id, Standing.PENDING, customer=new.command.customer
    )
    assert len(told) == 1
    assert await submissions.accept(new) == new.id
    assert len(told) == 1


async def test_one_key_makes_one_submission_however_often_it_comes_at_once(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    others = PostgresSubmissions(postgres.url)
    request_id = new_request_id()
    news = [submission(sale, request_id) for _ in range(16)]
    said = await asyncio.gather(
        *((submissions if n % 2 else others).accept(new) for n, new in enumerate(news))
    )
    assert len(set(said)) == 1
    assert said[0] in {new.id for new in news}
    assert await submissions.accept(submission(sale, request_id, b"other body")) == KEY_REUSED
    elsewhere = await Sale.opened(postgres.store())
    new = submission(elsewhere, request_id, b"other body")
    assert await submissions.accept(new) == new.id
    await others.close()


async def test_a_key_that_has_had_an_effect_is_accepted_for_that_body_only(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    entry = sale.holds(1)
    await sale.append(postgres.store(), entry)
    request_id = entry.requests[0].request_id
    assert await submissions.accept(submission(sale, request_id, b"other body")) == KEY_REUSED
    new = submission(sale, request_id)
    assert await submissions.accept(new) == new.id


async def test_what_is_not_there_or_is_of_another_kind_is_not_accepted(
    submissions: PostgresSubmissions, sale: Sale
) -> None:
    assert await submissions.accept(submission(Sale(new_id()))) == NO_INVENTORY
    command = place()
    of_tables = Submission(command.reservation_id, sale.id, "restaurant", command, new_request_id())
    assert await submissions.accept(of_tables) == NO_INVENTORY


async def test_of_a_draft_guests_are_told_as_of_what_is_not_there_and_of_what_is_deleted_all(
    submissions: PostgresSubmissions, postgres: PostgresWorld
) -> None:
    draft = Sale(new_id())
    creation = draft.decided(CreateEvent(draft.id, terms(5), Stage.DRAFT))
    assert await postgres.store().create(creation, OWNER, "events")
    assert await submissions.accept(submission(draft)) == NO_INVENTORY
    command = replace(place(), guest=False)
    operators = Submission(command.reservation_id, draft.id, "event", command, new_request_id())
    assert await submissions.accept(operators) == operators.id
    deleted = await Sale.opened(postgres.store())
    before = submission(deleted)
    assert await submissions.accept(before) == before.id
    assert await deleted.append(postgres.store(), deleted.decided(DeleteEvent()))
    assert await submissions.accept(submission(deleted)) == NO_INVENTORY
    assert await submissions.accept(before) == before.id


@pytest.mark.parametrize("bounds", [PendingBounds(BOUND, 100), PendingBounds(100, BOUND)])
async def test_so_many_may_be_pending_and_no_more(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale, bounds: PendingBounds
) -> None:
    bounded = PostgresSubmissions(postgres.url, bounds)
    made = await accepted(bounded, sale, BOUND)
    assert await bounded.accept(submission(sale)) == FULL
    assert await bounded.accept(made[0]) == made[0].id
    elsewhere = submission(await Sale.opened(postgres.store()))
    in_all = bounds.pending_max == BOUND
    assert await bounded.accept(elsewhere) == (FULL if in_all else elsewhere.id)
    await submissions.settle([(made[0].id, Final(NO))])
    room = submission(sale)
    assert await bounded.accept(room) == room.id
    await bounded.close()


# --- taking ---------------------------------------------------------------------------------------


async def test_they_are_taken_in_the_order_in_which_they_came_and_by_one_at_a_time(
    submissions: PostgresSubmissions, sale: Sale
) -> None:
    made = await accepted(submissions, sale, 5)
    first = await submissions.take(3, LEASE_MS)
    assert [one.id for one in first] == [new.id for new in made[:3]]
    assert [one.command for one in first] == [new.command for new in made[:3]]
    assert {(one.inventory_id, one.fingerprint, one.attempts) for one in first} == {(sale.id, b"body", 1)}
    assert [one.request_id for one in first] == [new.request_id for new in made[:3]]
    assert [one.id for one in await submissions.take(9, LEASE_MS)] == [new.id for new in made[3:]]
    assert await submissions.take(9, LEASE_MS) == []


async def test_many_takers_at_once_are_given_different_ones(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    made = await accepted(submissions, sale, 64)
    async with AsyncExitStack() as stack:
        takers = [PostgresSubmissions(postgres.url) for _ in range(8)]
        for taker in takers:
            stack.push_async_callback(taker.close)
        taken = await asyncio.gather(*(taker.take(8, LEASE_MS) for taker in takers))
    taken.append(await submissions.take(64, LEASE_MS))
    ids = [one.id for part in taken for one in part]
    assert sorted(ids) == sorted(new.id for new in made)


async def test_what_its_taker_never_answered_is_taken_again_after_the_lease(
    submissions: PostgresSubmissions, sale: Sale
) -> None:
    (new,) = await accepted(submissions, sale, 1)
    assert [one.attempts for one in await submissions.take(1, 0)] == [1]
    assert [one.attempts for one in await submissions.take(1, LEASE_MS)] == [2]
    await submissions.postpone([(new.id, 0)])
    assert [one.attempts for one in await submissions.take(1, LEASE_MS)] == [3]
    await submissions.postpone([(new.id, LEASE_MS)])
    assert await submissions.take(1, LEASE_MS) == []


async def test_a_command_of_newer_code_is_taken_without_being_understood(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    (new,) = await accepted(submissions, sale, 1)
    connection = await postgres.connection()
    await connection.execute(r"UPDATE submissions SET command = '\x91a3582e39' WHERE id = $1", new.id)
    assert [(one.id, one.command) for one in await submissions.take(1, LEASE_MS)] == [(new.id, None)]


# --- ending ---------------------------------------------------------------------------------------


async def test_an_answer_is_kept_and_what_was_said_of_the_customer_is_not(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    done, rejected, reused = await accepted(submissions, sale, 3)
    clock = StoreClock(postgres.store().now_ms, 500)
    await clock.start()
    reads = PostgresReads(postgres.url, clock)
    assert await reads.on_hold([done.id, new_id()]) == {done.id: True}
    assert await reads.is_known(sale.id, done.request_id), "it is accepted"
    assert not await reads.is_known(new_id(), done.request_id), "by no other"
    answers = [
        (done.id, Done(done.id)),
        (rejected.id, Final(NO)),
        (reused.id, Final(KEY_REUSED, recorded=False)),
    ]
    assert await submissions.settle(answers) == {done.id, rejected.id, reused.id}
    assert await reads.on_hold([rejected.id]) == {}
    await reads.close()
    await clock.stop()
    assert await submissions.find(done.id) == Found(
        done.id, sale.id, Standing.DONE, done.id, customer=done.command.customer
    )
    said = Found(rejected.id, sale.id, Standing.REJECTED, rejection=NO, customer=rejected.command.customer)
    assert await submissions.find(rejected.id) == said
    assert [len(await recorded(postgres, one.request_id)) for one in (done, rejected, reused)] == [0, 1, 0]
    connection = await postgres.connection()
    assert await connection.fetchval("SELECT max(length(command)) FROM submissions") == 0
    assert await submissions.take(9, 0) == []


async def test_an_answer_is_for_ever(submissions: PostgresSubmissions, sale: Sale) -> None:
    first, second = await accepted(submissions, sale, 2)
    await submissions.settle([(first.id, Final(NO)), (second.id, Done(second.id))])
    before = [await submissions.find(one.id) for one in (first, second)]
    assert await submissions.settle([(first.id, Done(first.id)), (second.id, Final(NO))]) == set()
    await submissions.postpone([(first.id, 0), (second.id, 0)])
    assert [await submissions.find(one.id) for one in (first, second)] == before


async def test_what_has_had_an_effect_cannot_be_rejected(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    entry = sale.holds(1)
    other, new = submission(sale), submission(sale, entry.requests[0].request_id)
    for one in (other, new):
        await submissions.accept(one)
    await sale.append(postgres.store(), entry)
    assert await submissions.settle([(new.id, Final(NO)), (other.id, Final(NO))]) == {other.id}
    assert await submissions.find(new.id) == Found(
        new.id, sale.id, Standing.PENDING, customer=new.command.customer
    )
    assert await recorded(postgres, new.request_id) == [entry.requests[0].reply]


async def test_what_was_rejected_can_have_no_effect_any_more(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    entry = sale.holds(1)
    new = submission(sale, entry.requests[0].request_id)
    await submissions.accept(new)
    await submissions.settle([(new.id, Final(NO))])
    with pytest.raises(Refused):
        await sale.append(postgres.store(), entry)
    found = await postgres.store().recorded([(sale.id, new.request_id)])
    assert found[sale.id, new.request_id].fingerprint == new.fingerprint


async def test_a_rejection_waits_for_an_effect_that_is_being_recorded_and_gives_way_to_it(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    (new,) = await accepted(submissions, sale, 1)
    owner = await postgres.connection()
    await owner.execute("BEGIN")
    await owner.execute("INSERT INTO requests VALUES ($1, $2, $3, 'effect', 0)", new.request_id, sale.id, b"")
    settling = asyncio.create_task(submissions.settle([(new.id, Final(NO))]))
    await postgres.until("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
    await owner.execute("COMMIT")
    assert await settling == set()
    assert await submissions.find(new.id) == Found(
        new.id, sale.id, Standing.PENDING, customer=new.command.customer
    )
    assert await recorded(postgres, new.request_id) == [b"effect"]


async def test_answered_ones_are_purged_after_their_time_and_pending_ones_never(
    submissions: PostgresSubmissions, postgres: PostgresWorld, sale: Sale
) -> None:
    pending, done = await accepted(submissions, sale, 2)
    await submissions.settle([(done.id, Done(done.id))])
    keeper = Maintenance(postgres.url)
    assert (await keeper.pending_submissions())[0] == 1
    connection = await postgres.connection()
    expires_ms = await connection.fetchval("SELECT expires_ms FROM submissions WHERE id = $1", done.id)
    assert await keeper.purge("submissions", expires_ms) == 0
    assert await keeper.purge("submissions", expires_ms + 1) == 1
    assert await submissions.find(done.id) is None
    assert await submissions.find(pending.id) is not None
    await keeper.close()


# --- planted bugs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lease", "check"),
    [
        ("", test_they_are_taken_in_the_order_in_which_they_came_and_by_one_at_a_time),
        ("AND attempts = 0", test_what_its_taker_never_answered_is_taken_again_after_the_lease),
    ],
    ids=["no lease", "one that never ends"],
)
async def test_a_lease_that_is_none_is_noticed(
    submissions: PostgresSubmissions,
    sale: Sale,
    monkeypatch: pytest.MonkeyPatch,
    lease: str,
    check: Callable[[PostgresSubmissions, Sale], Awaitable[None]],
) -> None:
    sound = f"AND leased_until_ms <= ({NOW})"
    assert sound in stored.TAKE
    monkeypatch.setattr(stored, "TAKE", stored.TAKE.replace(sound, lease))
    with pytest.raises(AssertionError):
        await check(submissions, sale)
