"""The proof of webhooks, small (`make webhook-proof` is the large one)."""

from __future__ import annotations

from tests.webhooks.proof import prove

RESERVATIONS, KILLS = 30, 2


async def test_every_receiver_has_every_fact_in_order_though_the_actor_is_killed(empty_url: str) -> None:
    verdict = await prove(empty_url, RESERVATIONS, KILLS, seed=1)
    assert verdict.problems == []
    assert verdict.kills == KILLS
