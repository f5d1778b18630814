"""A real SMTP server on a free port of this machine, that refuses what it is told to."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

ACCEPTED = "250 OK"
Answer = Callable[[EmailMessage], str]
"""What it says to a letter: 250, 4xx (not now) or 5xx (never)."""


class Inbox:
    """What the server has answered for, and how often it was asked. Filled from the server's thread."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.tried: Counter[str] = Counter()
        self.answer: Answer = lambda letter: ACCEPTED
        self.connections = 0
        self._lock = threading.Lock()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, _class=EmailMessage, policy=default)
        with self._lock:
            self.tried[letter["Message-ID"]] += 1
            said = self.answer(letter)
            if said == ACCEPTED:
                self.letters.append(letter)
        return said

    def ids_by_recipient(self) -> dict[str, Counter[str]]:
        """How often each Message-ID was taken for each recipient."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for letter in list(self.letters):
            found[letter["To"]][letter["Message-ID"]] += 1
        return dict(found)


@contextmanager
def smtp_server(port: int = 0) -> Iterator[tuple[str, Inbox]]:
    """Its address, and what arrives there."""
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port or free_port())
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}", inbox
    finally:
        controller.stop()


def free_port() -> int:
    """That nobody has at this moment."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
