"""Cancel codes: what is in them, and that they survive being typed."""

from __future__ import annotations

import random

import pytest

from domain.cancel_codes import as_spelled, made_ms, spelled
from domain.papers import Papers
from server.ids import uuid7

NOW_MS = 1_795_000_000_000


def test_a_code_says_when_its_reservation_was_made() -> None:
    for at_ms in (0, 1, NOW_MS, 2**42 - 1):
        assert made_ms(spelled(uuid7(at_ms), b"\xff" * 16)) == at_ms


def test_a_code_keeps_58_bits_of_the_secret_and_no_more() -> None:
    first = spelled("01890000-0000-7000-8000-000000000001", b"\x00" * 8)
    assert first == spelled("01890000-0000-7000-8000-000000000002", b"\x00" * 7 + b"\x3f")
    assert first != spelled("01890000-0000-7000-8000-000000000001", b"\x00" * 7 + b"\x40")
    assert spelled("01890000-0000-7000-8000-000000000001", b"\x80" + b"\x00" * 7) != first


def test_codes_are_five_groups_of_four_digits_that_cannot_be_mistaken() -> None:
    code = spelled(uuid7(NOW_MS), random.randbytes(16))
    assert [len(group) for group in code.split("-")] == [4] * 5
    assert not set(code) & set("ILOU")
    assert as_spelled(code) == code


@pytest.mark.parametrize("code", ["0123-4567-89AB-CDEF-GHJK", "MNPQ-RSTV-WXYZ-0000-1111"])
def test_letters_that_look_like_digits_are_taken_for_them(code: str) -> None:
    typed = code.replace("0", "o").replace("1", "l").lower()
    assert as_spelled(f" {typed} ") == code
    assert as_spelled(code.replace("1", "I")) == code


@pytest.mark.parametrize("typed", ["", "0" * 19, "0" * 21, "U" * 20, "é" * 20, "0" * 19 + "\n0"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert as_spelled(typed) is None


def test_a_code_is_its_reservations_and_its_secrets_alone() -> None:
    papers, other = Papers(b"a" * 32), Papers(b"b" * 32)
    mine, yours = uuid7(NOW_MS), uuid7(NOW_MS)
    _, code = papers.of("01890000-0000-7000-8000-000000000001", mine)
    assert papers.is_code_of(mine, code)
    assert not papers.is_code_of(yours, code)
    assert not other.is_code_of(mine, code)


def test_the_code_is_of_the_half_that_the_token_does_not_show() -> None:
    papers = Papers(b"a" * 32)
    event_id, reservation_id = "01890000-0000-7000-8000-000000000001", uuid7(NOW_MS)
    mac = papers.mac(reservation_id)
    token, code = papers.of(event_id, reservation_id)
    assert len(mac) == 32
    assert code == spelled(reservation_id, mac[16:])
    assert papers.of(event_id, reservation_id) == (token, code)
