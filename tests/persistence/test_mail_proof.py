"""The proof of the outbox, small (`make mail-proof` is the large one)."""

from __future__ import annotations

from tests.mail.proof import prove

FACTS, KILLS = 60, 2
FACTS_IN_PEACE = 20


async def test_every_buyer_gets_their_mail_though_the_actor_is_killed(empty_url: str) -> None:
    verdict = await prove(empty_url, FACTS, KILLS, seed=1)
    assert verdict.problems == []
    assert verdict.kills == KILLS
    assert verdict.delivered == FACTS


async def test_without_kills_nothing_comes_twice(empty_url: str) -> None:
    verdict = await prove(empty_url, FACTS_IN_PEACE, 0, seed=2)
    assert verdict.problems == []
    assert verdict.duplicates == 0
