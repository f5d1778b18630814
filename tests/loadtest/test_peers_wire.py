"""The peers' bodies: ids in order of time, and tokens that fit one reservation only."""

import msgspec
import pytest

from loadtest.peers import wire

BODY = wire.HoldBody([wire.OrderLine("ga", 2)], wire.Customer("Ada", "ada@example.org"))


def test_ids_are_version_seven_and_in_order_of_time() -> None:
    ids = [wire.uuid7() for _ in range(3)]
    assert {one.version for one in ids} == {7}
    assert ids[0].int >> 80 <= ids[2].int >> 80


def test_a_token_fits_its_reservation_only() -> None:
    held = wire.new_reservation(wire.OPEN_EVENT, BODY)
    assert wire.is_token_of(held.token, held.id)
    assert not wire.is_token_of(held.token, str(wire.uuid7()))
    assert not wire.is_token_of("no base64!", held.id)


def test_a_hold_has_its_price_and_ends_in_time() -> None:
    held = wire.new_reservation(wire.OPEN_EVENT, BODY)
    assert held.total.amount == 2 * wire.PRICE_MINOR_UNITS
    assert (held.expires_at - held.created_at).total_seconds() == wire.HOLD_DURATION_S


@pytest.mark.parametrize("text", [b"[]", b"{", b'{"lines":[],"customer":{"name":"a","email":"b"},"more":1}'])
def test_a_body_of_another_shape_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        wire.hold_body.decode(text)
