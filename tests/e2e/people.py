"""Somebody who signs up, and the letters that reach him."""

from __future__ import annotations

import contextlib
import email
import re
import uuid
from email import policy
from email.message import EmailMessage

from tests.e2e.confided import confide
from tests.e2e.talk import Talk, in_time, person
from tests.served import Served

PASSWORD = f"correct horse battery {uuid.uuid4().hex}"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_address(name: str) -> str:
    """One that nobody else has."""
    return f"{name}-{uuid.uuid4().hex[:12]}@example.org"


def letters(server: Served, to: str) -> list[EmailMessage]:
    """What was sent to that address: without a mail server letters go to a folder, the oldest of which are
    thrown away meanwhile. Of the thousands that others got none is taken apart."""
    found = []
    for path in sorted((server.data / "mail").glob("*.eml")):
        with contextlib.suppress(FileNotFoundError):
            written = path.read_bytes()
            if to.encode() not in written:
                continue
            letter = email.message_from_bytes(written, policy=policy.default)
            if to in str(letter["To"]):
                found.append(letter)
                for token in TOKEN.findall(letter.as_string()):
                    confide(f"token in {letter['Subject']!r}", token)
    return found


async def letter_about(server: Served, to: str, about: str) -> str:
    """The text of the letter whose subject has these words, once it is there."""

    async def look() -> str | None:
        for letter in letters(server, to):
            if about.casefold() in str(letter["Subject"]).casefold():
                body = letter.get_body(("plain",))
                assert body is not None
                return str(body.get_content())
        return None

    return str(await in_time(look, f"a letter about {about!r} for {to}"))


async def signed_up(anybody: Talk, server: Served, address: str) -> Talk:
    """The client of a new account: registered, confirmed by the letter, logged in."""
    wanted = person(address.partition("-")[0], address)
    assert (await anybody.post("/accounts", wanted)).status == 202
    letter = await letter_about(server, address, "confirm")
    token = TOKEN.search(letter)
    assert token is not None, letter
    chosen = {"token": token.group(), "password": PASSWORD}
    assert (await anybody.post("/accounts/confirm", chosen)).status == 200
    session = (await anybody.post("/sessions", {"email": address, "password": PASSWORD})).body
    return anybody.as_one_with(Authorization=f"Bearer {session['access_token']}")
