"""Mails in memory, under the same rules."""

from __future__ import annotations

from dataclasses import replace

from domain.mail import ListedMail, MailStatus


class DirectMails:
    """What there is, and who wants no reminders."""

    def __init__(self) -> None:
        self.kept: dict[str, ListedMail] = {}
        self.reminders: dict[bytes, bool] = {}

    async def page(self, status: MailStatus, after: tuple[int, str] | None, limit: int) -> list[ListedMail]:
        found = sorted((mail.created_ms, mail.id) for mail in self.kept.values() if mail.status is status)
        return [self.kept[key[1]] for key in found if after is None or key > after][:limit]

    async def find(self, mail_id: str) -> ListedMail | None:
        return self.kept.get(mail_id)

    async def replay(self, mail_id: str) -> ListedMail | None:
        mail = self.kept.get(mail_id)
        if mail is None or mail.status is not MailStatus.DEAD:
            return None
        self.kept[mail_id] = replace(mail, status=MailStatus.PENDING, attempts=0, ended_ms=None)
        return self.kept[mail_id]

    async def replay_all(self) -> int:
        return sum([await self.replay(mail_id) is not None for mail_id in list(self.kept)])

    async def prefer(self, customer: bytes, reminders: bool) -> None:
        self.reminders[customer] = reminders
