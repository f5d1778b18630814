"""How moments, amounts and the few fixed words of a mail are written in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.mail import Language

# ISO 4217: all other currencies have two.
_DIGITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


@dataclass(frozen=True)
class Words:
    """Of one language."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    date: str
    decimal_mark: str
    free: str
    labels: Mapping[str, str]


ENGLISH = Words(
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    "{weekday}, {day} {month} {year}",
    ".",
    "free",
    {
        "what": "What",
        "when": "When",
        "where": "Where",
        "tickets": "Tickets",
        "ticket": "Ticket number",
        "of_type": "Type",
        "seats": "Seats",
        "total": "Total",
        "deposit": "Deposit",
        "party": "Party of",
        "table": "Table",
        "phone": "Telephone",
        "code": "Cancel code",
        "reservation": "Reservation",
    },
)
SPANISH = Words(
    ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    (
        *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio"),
        *("agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    "{weekday}, {day} de {month} de {year}",
    ",",
    "gratis",
    {
        "what": "Qué",
        "when": "Cuándo",
        "where": "Dónde",
        "tickets": "Entradas",
        "ticket": "Entrada número",
        "of_type": "Tipo",
        "seats": "Asientos",
        "total": "Total",
        "deposit": "Depósito",
        "party": "Personas",
        "table": "Mesa",
        "phone": "Teléfono",
        "code": "Código de cancelación",
        "reservation": "Reserva",
    },
)
WORDS: Mapping[Language, Words] = {"en": ENGLISH, "es": SPANISH}


def moment(at_ms: int, zone: str | None, words: Words) -> str:
    """With its date and weekday; in UTC, and saying so, where no zone is known."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_zone(zone))
    date = words.date.format(
        weekday=words.weekdays[local.weekday()],
        day=local.day,
        month=words.months[local.month - 1],
        year=local.year,
    )
    return f"{date}, {local:%H:%M}" + (" UTC" if local.tzinfo is UTC else "")


def amount(minor: int, currency: str, words: Words) -> str:
    digits = _DIGITS.get(currency, 2)
    if not digits:
        return f"{minor} {currency}"
    whole, rest = divmod(minor, 10**digits)
    return f"{whole}{words.decimal_mark}{rest:0{digits}d} {currency}"


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
