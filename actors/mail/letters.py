"""Letters: a mail's row and what it is about become an e-mail of a text part and an HTML part.

A template has a subject and a body, in one file for each kind and language. The body is rendered twice,
with a `Medium` for each part, so that the two cannot say different things. The HTML part escapes all that
is filled in; it loads nothing from anywhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from actors.mail.envelope import Letter, addressed, sealed
from actors.mail.words import WORDS, Words, amount, moment
from domain.mail import LANGUAGE_DEFAULT, Language, MailKind
from domain.mail_details import Details
from domain.papers import Papers
from domain.ticket_codes import TicketCodes
from domain.unsubscribing import token_for
from persistence.mail_queue import TakenMail

LINE_MAX_CHARACTERS = 76
GREETED_MAX_CHARACTERS = 60
Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Stationery:
    """What all letters share. `sender`: as in From. `public_url`: what links begin with. `secret`,
    `ticket_secret`: those that reservations' and tickets' tokens are made with."""

    sender: str
    public_url: str
    secret: bytes
    ticket_secret: bytes


class Medium(Protocol):
    """How a part shows a paragraph, a list of facts, a link, and what is to be typed."""

    def p(self, caller: Callable[[], Markup]) -> str: ...
    def facts(self, facts: Facts) -> str: ...
    def link(self, label: str, url: str) -> str: ...
    def code(self, text: str) -> str: ...


class _Plain(str):
    """Text that is put into a text part as it is."""

    def __html__(self) -> str:
        return self


class TextMedium:
    def p(self, caller: Callable[[], Markup]) -> str:
        words = " ".join(caller().unescape().split())
        wrapped = textwrap.wrap(words, LINE_MAX_CHARACTERS, break_long_words=False, break_on_hyphens=False)
        return _Plain("\n".join(wrapped) + "\n")

    def facts(self, facts: Facts) -> str:
        return _Plain("\n".join(f"  {label}: {_one_line(value)}" for label, value in facts))

    def link(self, label: str, url: str) -> str:
        return _Plain(f"{label}:\n{url}")

    def code(self, text: str) -> str:
        return _Plain(f"  {_one_line(text)}")


class HtmlMedium:
    def p(self, caller: Callable[[], Markup]) -> Markup:
        return Markup("<p>{}</p>").format(caller())

    def facts(self, facts: Facts) -> Markup:
        row = Markup('<tr><td class="label">{}</td><td>{}</td></tr>')
        return Markup("<table>{}</table>").format(Markup().join(row.format(*fact) for fact in facts))

    def link(self, label: str, url: str) -> Markup:
        return Markup('<p><a class="button" href="{}">{}</a></p>').format(url, label)

    def code(self, text: str) -> Markup:
        return Markup('<p class="code">{}</p>').format(text)


_TEMPLATES = Environment(
    loader=PackageLoader("actors.mail"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


class Letters:
    """Writes them."""

    def __init__(self, stationery: Stationery) -> None:
        self._stationery = stationery
        self._papers = Papers(stationery.secret)
        self._codes = TicketCodes(stationery.ticket_secret)
        name, self.sender = parseaddr(stationery.sender)
        self._from = formataddr((name, self.sender))
        self._domain = self.sender.rpartition("@")[2]

    def write(self, mail: TakenMail, kind: MailKind, about: Mapping[str, Details]) -> Letter:
        """`about` has the details of the reservations that the mail names, where they are still there.
        Raises ValueError where no e-mail can be made of it."""
        details = about.get(mail.reservation_id) if mail.reservation_id else None
        recipient = mail.recipient or (details.email if details else None)
        if recipient is None:
            raise ValueError("nobody to write to")
        language = _language(mail.language or _language_of(mail, details, about))
        words = WORDS[language]
        said = {**self._said(mail, details, words), "listed": self._listed(mail, about, words)}
        subject, text, html = _rendered(kind, language, said)
        headers = [
            ("From", self._from),
            ("To", addressed(recipient)),
            ("Subject", subject),
            ("Message-ID", f"<{mail.id}@{self._domain}>"),
            ("Date", format_datetime(datetime.fromtimestamp(mail.created_ms / 1000, UTC))),
            ("Auto-Submitted", "auto-generated"),
            ("Content-Language", language),
        ]
        if details is not None and kind is MailKind.REMINDER:
            headers.append(("List-Unsubscribe", f"<{self._unsubscribe(details)}>"))
            headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        raw = sealed(headers, text, html, f"=_{mail.id}")
        return Letter(mail.id, mail.created_ms, recipient, raw)

    def _said(self, mail: TakenMail, details: Details | None, words: Words) -> dict[str, Any]:
        """What templates may fill in."""
        given = mail.parameters
        said: dict[str, Any] = {"given": given, "url": self._stationery.public_url, "quote": quote}
        minor, currency = given.get("amount"), given.get("currency")
        if isinstance(minor, int) and isinstance(currency, str):
            said["amount"] = amount(minor, currency, words)
        if details is not None:
            said |= {
                "d": details,
                "who": _greeted(details.customer_name or ""),
                "booking": self._booking(details, words),
                "link": self._link(details),
                "unsubscribe": self._unsubscribe(details),
            }
            number, generation = given.get("number"), given.get("generation")
            if isinstance(number, int) and isinstance(generation, int):
                said["ticket"] = _ticket(details, number, words)
                said["ticket_link"] = self._ticket_link(details, number, generation)
            until_ms = details.cancel_until_ms
            if details.status == "confirmed" and until_ms is not None and until_ms > mail.created_ms:
                said["until"] = moment(until_ms, details.time_zone, words)
            before_ms = given.get("starts_at_ms")
            if isinstance(before_ms, int):
                said["before"] = moment(before_ms, details.time_zone, words)
        return said

    def _listed(self, mail: TakenMail, about: Mapping[str, Details], words: Words) -> list[tuple[Facts, str]]:
        """Of a mail about several reservations: the facts of each, and its link."""
        return [(self._booking(details, words), self._link(details)) for details in _all_of(mail, about)]

    def _booking(self, details: Details, words: Words) -> list[tuple[str, str]]:
        labels = words.labels
        place = ", ".join(part for part in (details.venue, details.address, details.city) if part)
        seats = ", ".join(seat for line in details.lines for seat in line.seats)
        tickets = ", ".join(f"{line.quantity} x {line.name}" for line in details.lines)
        of_table = (str(details.party_size), ", ".join(details.tables)) if details.of_table else ("", "")
        shown = (
            ("what", details.name),
            ("when", moment(details.starts_at_ms, details.time_zone, words)),
            ("where", place),
            ("tickets", tickets),
            ("seats", seats),
            ("total", self._total(details, words)),
            ("deposit", amount(details.deposit, details.currency or "", words) if details.deposit else ""),
            ("party", of_table[0]),
            ("table", of_table[1]),
            ("phone", details.phone or ""),
            ("reservation", details.reservation_id),
            ("code", self._code(details)),
        )
        return [(labels[name], value) for name, value in shown if value]

    def _total(self, details: Details, words: Words) -> str:
        if details.currency is None or details.of_table:
            return ""
        return amount(details.total, details.currency, words) if details.total else words.free

    def _code(self, details: Details) -> str:
        """Only where it may be of use: a table is cancelled by its token, and what is final by none."""
        if details.of_table or details.cancel_until_ms is None or details.status != "confirmed":
            return ""
        return self._papers.of(details.inventory_id, details.reservation_id)[1]

    def _link(self, details: Details) -> str:
        """The token stands behind the #, which browsers send to no server and servers log nowhere."""
        token, _ = self._papers.of(details.inventory_id, details.reservation_id)
        return f"{self._stationery.public_url}/reservations/{details.reservation_id}#token={token}"

    def _ticket_link(self, details: Details, number: int, generation: int) -> str:
        token = self._codes.token(details.reservation_id, number, generation)
        return f"{self._stationery.public_url}/tickets/{details.reservation_id}/{number}#token={token}"

    def _unsubscribe(self, details: Details) -> str:
        token = token_for(details.customer, self._stationery.secret)
        return f"{self._stationery.public_url}/api/v1/unsubscribe/{token}"


def _rendered(kind: MailKind, language: Language, said: Mapping[str, Any]) -> tuple[str, str, str]:
    """Subject, text, HTML page."""
    template = _TEMPLATES.get_template(f"{language}/{kind.value}.j2")

    def block(name: str, medium: Medium) -> Markup:
        return Markup().join(template.blocks[name](template.new_context({**said, "m": medium}))).strip()

    text, html = (block("body", medium) for medium in (TextMedium(), HtmlMedium()))
    page = _TEMPLATES.get_template("page.html").render(body=html, language=language)
    return _one_line(block("subject", TextMedium()).unescape()), f"{text}\n", page


def _ticket(details: Details, number: int, words: Words) -> list[tuple[str, str]]:
    name, seat = details.place(number) or ("", "")
    shown = (("ticket", f"{number}"), ("of_type", name), ("seats", seat))
    return [(words.labels[label], value) for label, value in shown if value]


def _greeted(name: str) -> str:
    """A name is what anybody types in for any address: what could be read as a message is left out."""
    plain = all(character.isalpha() or character in " -'’" for character in name)
    return _one_line(name) if plain and len(name) <= GREETED_MAX_CHARACTERS else ""


def _all_of(mail: TakenMail, about: Mapping[str, Details]) -> list[Details]:
    """Of a mail about several reservations: those that are there, as they are listed."""
    ids = mail.parameters.get("reservation_ids")
    return [about[str(one)] for one in ids if str(one) in about] if isinstance(ids, list) else []


def _language_of(mail: TakenMail, details: Details | None, about: Mapping[str, Details]) -> str | None:
    """That of the reservation; of several, that of the first that has one."""
    concerned = [details] if details is not None else _all_of(mail, about)
    return next((one.language for one in concerned if one.language), None)


def _language(name: str | None) -> Language:
    return next((known for known in WORDS if known == name), LANGUAGE_DEFAULT)


def _one_line(text: str) -> str:
    return " ".join(text.split())
