"""The folder that mails are put into where no SMTP server is named (`actors.mail.post`), to be read here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

LETTERS_SHOWN_MAX = 100
_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f-]{36}\.eml")


@dataclass(frozen=True)
class Letter:
    """What a mail says of itself, and both of its parts."""

    name: str
    at: str
    to: str
    subject: str
    text: str
    html: str


class LetterBox:
    """Reads files, so it is asked in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self) -> list[Letter]:
        """The last of them first."""
        names = sorted((file.name for file in self._folder.glob("*.eml")), reverse=True)
        found = [self.letter(name) for name in names[:LETTERS_SHOWN_MAX]]
        return [letter for letter in found if letter is not None]

    def letter(self, name: str) -> Letter | None:
        """None where there is none of that name, or not any more."""
        if not _NAME.fullmatch(name):
            return None
        try:
            content = (self._folder / name).read_bytes()
        except OSError:
            return None
        message = message_from_bytes(content, _class=EmailMessage, policy=default)
        return Letter(
            name,
            str(message["Date"]),
            str(message["To"]),
            str(message["Subject"]),
            _part(message, "plain"),
            _part(message, "html"),
        )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
