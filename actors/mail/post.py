"""Where letters go: an SMTP server, or, where none is named, a folder.

`deliver` returns when somebody else answers for the letter. Otherwise it says whose fault that was, for what
follows differs: `Undeliverable` (this letter will never be taken), `NotNow` (this letter, this time) or
`PostClosed` (nothing can be sent at the moment, whatever it is).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from actors.mail.envelope import Letter

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 20.0
IDLE_MAX_S = 20.0
"""A connection unused for so long is closed: servers do it too, and then do not always say so."""
PERMANENT_FROM = 500
PORTS = {"smtp": 25, "smtps": 465}
SWEPT_SHARE = 10
"""A folder is listed once for every tenth of what it may hold: to list it costs as much as some letters."""


class Undeliverable(Exception):
    """It was refused for good."""


class NotNow(Exception):
    """It was refused for the time being, or what became of it is not known."""


class PostClosed(Exception):
    """There is no way out at the moment."""


class Post(Protocol):
    async def deliver(self, letter: Letter) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class SmtpAddress:
    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None

    @classmethod
    def of(cls, url: str) -> SmtpAddress:
        """Of `smtp://user:password@host:port` or `smtps://...`, which is TLS from the first byte."""
        parts = urlsplit(url)
        return cls(
            parts.hostname or "",
            parts.port or PORTS[parts.scheme],
            parts.scheme == "smtps",
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )


class SmtpPost:
    """One connection, used again and again. STARTTLS wherever it is offered, with the certificate checked; a
    password is sent without TLS to this machine only."""

    def __init__(self, url: str, sender: str) -> None:
        self._address = SmtpAddress.of(url)
        self._sender = sender
        self._smtp: aiosmtplib.SMTP | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def deliver(self, letter: Letter) -> None:
        smtp = await self._opened()
        if self._idle is not None:
            self._idle.cancel()
        try:
            async with asyncio.timeout(2 * COMMAND_TIMEOUT_S):
                await smtp.sendmail(self._sender, [letter.recipient], letter.raw)
        except aiosmtplib.SMTPSenderRefused as error:
            await self._hang_up()
            raise PostClosed(f"the sender is refused: {error.code} {error.message}") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            await self._after(refused)
        except aiosmtplib.SMTPResponseException as error:
            await self._after(error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            await self._hang_up()
            raise NotNow(f"{type(error).__name__}: {error}") from error
        except BaseException:
            await self._hang_up()
            raise
        self._idle = asyncio.get_running_loop().call_later(IDLE_MAX_S, self._close_idle)

    async def close(self) -> None:
        await self._hang_up()

    async def _after(
        self, refused: aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientRefused
    ) -> None:
        said = f"{refused.code} {refused.message}"
        if refused.code == 421:
            await self._hang_up()
            raise PostClosed(said) from refused
        raise (Undeliverable if refused.code >= PERMANENT_FROM else NotNow)(said) from refused

    async def _opened(self) -> aiosmtplib.SMTP:
        if self._smtp is not None and self._smtp.is_connected:
            return self._smtp
        address = self._address
        smtp = aiosmtplib.SMTP(
            hostname=address.host, port=address.port, use_tls=address.tls, timeout=COMMAND_TIMEOUT_S
        )
        try:
            await smtp.connect(timeout=CONNECT_TIMEOUT_S)
            if address.user is not None:
                await self._log_in(smtp, address.user, address.password or "")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            smtp.close()
            raise PostClosed(f"{type(error).__name__}: {error}") from error
        self._smtp = smtp
        return smtp

    async def _log_in(self, smtp: aiosmtplib.SMTP, user: str, password: str) -> None:
        encrypted = smtp.get_transport_info("sslcontext") is not None
        if not encrypted and not _is_here(self._address.host):
            raise aiosmtplib.SMTPException("no TLS is offered, and without it no password is sent")
        await smtp.login(user, password)

    async def _hang_up(self) -> None:
        smtp, self._smtp = self._smtp, None
        if self._idle is not None:
            self._idle.cancel()
        if smtp is not None:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await smtp.quit()
            smtp.close()

    def _close_idle(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


class FolderPost:
    """Letters as `.eml` files, the newest `letters_max` of them and up to a tenth more. The name begins with
    the time, so that they are in order, and ends with the mail's id, so that the same one is the same
    file."""

    def __init__(self, folder: Path, letters_max: int) -> None:
        self._folder = folder
        self._letters_max = letters_max
        self._until_sweep = 1

    async def deliver(self, letter: Letter) -> None:
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as error:
            raise PostClosed(f"{type(error).__name__}: {error.strerror}") from error

    async def close(self) -> None:
        return

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = datetime.fromtimestamp(letter.at_ms / 1000, UTC)
        name = f"{at:%Y%m%dT%H%M%S}-{letter.mail_id}.eml"
        new = self._folder / f"{name}.new"
        new.touch(mode=0o600)
        new.write_bytes(letter.raw)
        new.replace(self._folder / name)
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            self._until_sweep = self._letters_max // SWEPT_SHARE
            self._sweep()

    def _sweep(self) -> None:
        for old in sorted(self._folder.glob("*.eml"))[: -self._letters_max]:
            old.unlink(missing_ok=True)


def post_of(smtp_url: str | None, sender: str, folder: Path, letters_max: int) -> Post:
    """The way out that the settings name."""
    return SmtpPost(smtp_url, sender) if smtp_url else FolderPost(folder, letters_max)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
