"""Which calls an owner lets in: each once, and none that its gateway has given up on."""

from actors.mailbox import Door
from actors.wire import Batch


def call(number: int, *awaited: int, gateway: bytes = b"g") -> Batch:
    return Batch(gateway, number, (*awaited, number), (), patience_ms=10)


def test_calls_in_order_come_in() -> None:
    door = Door()
    assert [door.lets_in(call(number)) for number in (1, 2, 5, 9)] == [True] * 4


def test_a_call_comes_in_once() -> None:
    door = Door()
    assert door.lets_in(call(1))
    assert not door.lets_in(call(1))
    assert door.lets_in(call(2))
    assert not door.lets_in(call(1))


def test_a_call_that_was_given_up_does_not_come_in() -> None:
    door = Door()
    assert door.lets_in(call(2))
    assert not door.lets_in(call(1))


def test_a_call_that_is_still_awaited_may_come_after_a_later_one_but_once() -> None:
    door = Door()
    assert door.lets_in(call(2, 1))
    assert door.lets_in(call(1))
    assert not door.lets_in(call(1))


def test_a_call_given_up_while_an_older_one_is_awaited_does_not_come_in() -> None:
    door = Door()
    assert door.lets_in(call(7, 4))  # 5 has been given up, 4 may still come
    assert not door.lets_in(call(5))
    assert door.lets_in(call(8, 4))
    assert door.lets_in(call(4))


def test_gateways_have_numbers_of_their_own() -> None:
    door = Door()
    assert door.lets_in(call(9, gateway=b"a"))
    assert door.lets_in(call(1, gateway=b"b"))


def test_only_the_latest_gateways_are_remembered() -> None:
    door = Door()
    for number in range(2 * Door.GATEWAYS_MAX):
        assert door.lets_in(call(1, gateway=number.to_bytes(8)))
    assert len(door._known) == Door.GATEWAYS_MAX
    assert not door.lets_in(call(1, gateway=(2 * Door.GATEWAYS_MAX - 1).to_bytes(8)))
