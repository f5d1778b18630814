"""An e-mail of two parts as the bytes that are sent (RFC 5322, RFC 2046, RFC 2047).

Put together here, and not by `email.message`: that parses each header by its grammar to fold it again, which
was two thirds of what a letter costs. What goes into headers is made here or checked, and is one line each.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address

LINE_MAX_CHARACTERS = 76
"""Of what is encoded (RFC 2047)."""
UNFOLDED_MAX_CHARACTERS = 900
"""Of a plain header; a line may have 998."""
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True)
class Letter:
    """One e-mail to one recipient. `at_ms`: when its mail was asked for."""

    mail_id: str
    at_ms: int
    recipient: str
    raw: bytes


def addressed(recipient: str) -> str:
    """An address as a header has it. Raises ValueError for what is none, or could be more than one."""
    if _PLAIN_ADDRESS.fullmatch(recipient):
        return recipient
    if not (recipient.isascii() and recipient.isprintable() and "@" in recipient):
        raise ValueError("not an address that mail can be sent to")
    return str(Address(addr_spec=recipient))


def sealed(headers: Sequence[tuple[str, str]], text: str, html: str, boundary: str) -> bytes:
    """The whole of it. Raises ValueError for a header of more than one line. `boundary`: of which the parts
    have no line."""
    lines = [_header(name, value) for name, value in headers]
    lines.append("MIME-Version: 1.0")
    lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
    parts = (_part("plain", text), _part("html", html))
    head = "\r\n".join(lines).encode("ascii")
    line = f"\r\n--{boundary}".encode("ascii")
    return head + b"\r\n" + b"".join(line + b"\r\n" + part for part in parts) + line + b"--\r\n"


def _header(name: str, value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"{name}: more than one line")
    if value.isascii() and len(value) <= UNFOLDED_MAX_CHARACTERS:
        return f"{name}: {value}"
    folded = Header(value, "utf-8", LINE_MAX_CHARACTERS, name).encode(linesep="\r\n")
    return f"{name}: {folded}"


def _part(kind: str, content: str) -> bytes:
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    )
    return head.encode("ascii") + b2a_qp(content.replace("\n", "\r\n").encode())
