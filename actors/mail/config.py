"""What the sender of mails is told."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SenderLimits:
    """`mail_max_s`: the longest that one mail may take, from its beginning to its mark."""

    take_max_mails: int = 50
    lease_ms: int = 120_000
    mail_max_s: float = 60.0
    poll_s: float = 1.0
    attempts_max: int = 12
    pause_first_ms: int = 30_000
    pause_max_ms: int = 4 * 3_600_000
    closed_pause_first_s: float = 1.0
    closed_pause_max_s: float = 60.0


@dataclass(frozen=True)
class MailConfig:
    """`smtp_url` None: letters are put into the folder. `public_url`: what links begin with, no slash at its
    end."""

    smtp_url: str | None = None
    sender: str = "Turnstile <turnstile@localhost.localdomain>"
    public_url: str = "http://127.0.0.1:8080"
    folder: str = ".turnstile/mail"
    folder_max_letters: int = 1_000
    sending: SenderLimits = field(default_factory=SenderLimits)
