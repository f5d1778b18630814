"""Webhooks of providers: signed over the raw body, and in time."""

from __future__ import annotations

import pytest

from domain.webhooks import WINDOW_S, Told, is_signed, signature_of, told_of

SECRET, NOW_S = b"s" * 32, 1_800_000_000
BODY = b'{"id": "e1", "payment_id": "p1", "amount": 40, "currency": "EUR"}'
SIGNED = signature_of(SECRET, BODY, NOW_S)


def test_what_was_signed_with_the_secret_is_believed() -> None:
    assert is_signed(SECRET, BODY, SIGNED, NOW_S)
    assert told_of(BODY) == Told("e1", "p1", 40, "EUR")


def test_another_body_secret_or_time_is_not() -> None:
    assert not is_signed(SECRET, BODY + b" ", SIGNED, NOW_S)
    assert not is_signed(b"x" * 32, BODY, SIGNED, NOW_S)
    assert not is_signed(SECRET, BODY, SIGNED.replace(f"t={NOW_S}", f"t={NOW_S + 1}"), NOW_S)


@pytest.mark.parametrize(("off_s", "believed"), [(WINDOW_S, True), (WINDOW_S + 1, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_signature_is_believed_within_its_window(off_s: int, believed: bool, sign: int) -> None:
    assert is_signed(SECRET, BODY, SIGNED, NOW_S + sign * off_s) is believed


def test_while_a_secret_is_changed_either_signature_will_do() -> None:
    old = signature_of(b"o" * 32, BODY, NOW_S).split(",")[1]
    assert is_signed(SECRET, BODY, f"t={NOW_S},{old},{SIGNED.split(',')[1]}", NOW_S)


@pytest.mark.parametrize(
    "wrong", ["", "t=", "v1=", "t=1,t=2,v1=x", f"t={NOW_S}", "t=x,v1=y", "é", "t" * 2_000]
)
def test_what_is_no_signature_is_none(wrong: str) -> None:
    assert not is_signed(SECRET, BODY, wrong, NOW_S)


@pytest.mark.parametrize("wrong", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff"])
def test_what_is_no_webhook_is_none(wrong: bytes) -> None:
    assert told_of(wrong) is None
