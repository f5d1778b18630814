"""Cancel codes: what a guest reads off a mail and types in, `7ZZZ-0QK4-...`, five groups of four.

100 bits in Crockford's base32 (no I, L, O, U; those typed for 1 and 0 are taken for them): the millisecond in
which the reservation's id was made, 42 bits, and 58 bits of its HMAC. The first say where in the event's
reservations to look, so that no index is kept for it, which each hold would pay for; the second are the
secret, and more than can be tried.
"""

from __future__ import annotations

CODE_DIGITS = 20
_GROUP_DIGITS = 4
_TIME_BITS, _SECRET_BITS = 42, 58
_SECRET_BYTES = 8
_TIME_MASK, _HALF_MASK = (1 << _TIME_BITS) - 1, (1 << 50) - 1
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_TYPED = str.maketrans("ILO", "110", "- ")
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


def spelled(reservation_id: str, secret: bytes) -> str:
    """The code of a reservation, out of at least 8 secret bytes."""
    time = int(reservation_id[:8] + reservation_id[9:13], 16) & _TIME_MASK
    # As two halves, each of 50 bits: numbers of that size are quick.
    kept = int.from_bytes(secret[:_SECRET_BYTES], "big") >> 8 * _SECRET_BYTES - _SECRET_BITS
    first, last = time << 8 | kept >> 50, kept & _HALF_MASK
    p = _PAIRS
    return (
        f"{p[first >> 40]}{p[first >> 30 & 1023]}-{p[first >> 20 & 1023]}{p[first >> 10 & 1023]}-"
        f"{p[first & 1023]}{p[last >> 40]}-"
        f"{p[last >> 30 & 1023]}{p[last >> 20 & 1023]}-{p[last >> 10 & 1023]}{p[last & 1023]}"
    )


def as_spelled(typed: str) -> str | None:
    """What was typed as `spelled` writes it; None if it cannot be a code."""
    digits = typed.strip().upper().translate(_TYPED)
    if len(digits) != CODE_DIGITS or not all(digit in _VALUES for digit in digits):
        return None
    return "-".join(digits[at : at + _GROUP_DIGITS] for at in range(0, CODE_DIGITS, _GROUP_DIGITS))


def made_ms(code: str) -> int:
    """When the id of the reservation was made that this code, as spelled, belongs to."""
    value = 0
    for digit in code.replace("-", ""):
        value = value << 5 | _VALUES[digit]
    return value >> _SECRET_BITS
