"""Codes and tokens of tickets: made of the ticket alone, and of no use for anything else."""

from __future__ import annotations

import base64

import pytest

from domain.ticket_codes import CODE_CHARACTERS, NUMBER_MAX, Named, TicketCodes, grouped

CODES, OTHERS = TicketCodes(b"a key"), TicketCodes(b"another key")
RESERVATION = "01900000-0000-7000-8000-0000000000ab"
TICKET = Named(RESERVATION, 3, 2)


@pytest.mark.parametrize("ticket", [TICKET, Named(RESERVATION, 1, 1), Named(RESERVATION, NUMBER_MAX, 255)])
def test_a_code_and_a_token_name_their_ticket(ticket: Named) -> None:
    assert CODES.of_code(CODES.code(*ticket)) == ticket
    assert CODES.of_token(CODES.token(*ticket)) == ticket


def test_a_code_may_be_typed_in_small_letters_with_spaces_and_hyphens() -> None:
    code = CODES.code(*TICKET)
    assert len(code) == CODE_CHARACTERS
    assert CODES.of_code(grouped(code).lower()) == TICKET
    assert CODES.of_code(grouped(code).replace(" ", "-")) == TICKET


def test_a_code_is_no_token_and_a_token_no_code() -> None:
    raw = base64.b32decode(CODES.code(*TICKET) + "====")
    assert CODES.of_token(base64.urlsafe_b64encode(raw).decode().rstrip("=")) is None
    raw = base64.urlsafe_b64decode(CODES.token(*TICKET) + "=")
    assert CODES.of_code(base64.b32encode(raw).decode().rstrip("=")) is None


def test_a_code_of_another_key_another_number_or_another_generation_is_none() -> None:
    code = CODES.code(*TICKET)
    assert OTHERS.of_code(code) is None
    raw = bytearray(base64.b32decode(code + "===="))
    for position in (0, 15, 18, 19, 31):
        changed = bytes(raw[:position]) + bytes([raw[position] ^ 1]) + bytes(raw[position + 1 :])
        assert CODES.of_code(base64.b32encode(changed).decode().rstrip("=")) is None


@pytest.mark.parametrize("text", ["", "A" * 51, "A" * 52, "A" * 53, "1" * 52, "ä" * 52, "=" * 52, "\0" * 52])
def test_any_other_text_is_no_code(text: str) -> None:
    assert CODES.of_code(text) is None
    assert CODES.of_token(text[:43]) is None
