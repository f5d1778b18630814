"""Operators see where mails stand; customers end reminders; who has the token sees letters in the folder."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from actors.mail.envelope import Letter, sealed
from actors.mail.post import FolderPost
from domain.mail import ListedMail, MailStatus
from domain.unsubscribing import token_for
from server.front_end import PARTS
from server.parts import Options
from tests.server.conftest import ADMIN_TOKEN, OPERATOR, Api, Start
from tests.server.direct_mails import DirectMails

CUSTOMER = b"k" * 16
DEAD = ListedMail("", "refunded", MailStatus.DEAD, None, None, "ada@b.cd", 1, 2, 12, "550 no", 3)


def mails_of(api: Api) -> DirectMails:
    mails = api.app[PARTS].mails
    assert isinstance(mails, DirectMails)
    return mails


def kept(api: Api, count: int, status: MailStatus = MailStatus.DEAD) -> list[str]:
    ids = [str(uuid.UUID(int=at + 1)) for at in range(count)]
    for id_ in ids:
        mails_of(api).kept[id_] = replace(DEAD, id=id_, status=status)
    return ids


async def test_dead_mails_are_listed_in_pages_without_what_is_in_them(api: Api) -> None:
    ids = kept(api, 3)
    first = await api.get("/api/v1/mails?limit=2", headers=OPERATOR)
    assert [one["id"] for one in first.json["items"]] == ids[:2]
    assert first.json["items"][0]["error"] == "550 no"
    assert "parameters" not in first.json["items"][0]
    rest = await api.get(f"/api/v1/mails?limit=2&cursor={first.json['next']}", headers=OPERATOR)
    assert ([one["id"] for one in rest.json["items"]], rest.json["next"]) == (ids[2:], None)
    assert (await api.get("/api/v1/mails?status=sent", headers=OPERATOR)).json["items"] == []


@pytest.mark.parametrize("query", ["status=lost", "cursor=xyz", "limit=0", "limit=201", "cursor=kv-hYQ"])
async def test_what_is_no_list_of_mails_is_invalid(api: Api, query: str) -> None:
    assert (await api.get(f"/api/v1/mails?{query}", headers=OPERATOR)).code == "invalid"


async def test_a_dead_mail_is_sent_again_once(api: Api) -> None:
    (id_,) = kept(api, 1)
    for _ in range(2):
        again = await api.post(f"/api/v1/mails/{id_}/replay", headers=OPERATOR)
        assert (again.status, again.json["status"], again.json["attempts"]) == (200, "pending", 0)
    assert (await api.get(f"/api/v1/mails/{id_}", headers=OPERATOR)).json["status"] == "pending"


async def test_what_was_sent_is_not_sent_again(api: Api) -> None:
    (id_,) = kept(api, 1, MailStatus.SENT)
    refused = await api.post(f"/api/v1/mails/{id_}/replay", headers=OPERATOR)
    assert (refused.status, refused.code, refused.json["mail_status"]) == (409, "wrong_state", "sent")


async def test_all_dead_mails_are_sent_again(api: Api) -> None:
    kept(api, 3)
    assert (await api.post("/api/v1/mails/replay", headers=OPERATOR)).json == {"replayed": 3}
    assert (await api.post("/api/v1/mails/replay", headers=OPERATOR)).json == {"replayed": 0}


@pytest.mark.parametrize("id_", ["nothing", str(uuid.uuid4())], ids=["no id", "nobodys"])
async def test_a_mail_that_is_none_is_not_found(api: Api, id_: str) -> None:
    assert (await api.get(f"/api/v1/mails/{id_}", headers=OPERATOR)).code == "not_found"
    assert (await api.post(f"/api/v1/mails/{id_}/replay", headers=OPERATOR)).code == "not_found"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/x"), ("POST", "/x/replay"), ("POST", "/replay")]
)
async def test_mails_are_for_operators(api: Api, method: str, path: str) -> None:
    assert (await api.ask(method, f"/api/v1/mails{path}")).code == "unauthorized"


# --- no more reminders ----------------------------------------------------------------------------


async def test_one_click_ends_reminders_and_looking_at_the_link_does_not(api: Api) -> None:
    token = token_for(CUSTOMER, api.app[PARTS].access.reservation_secret)
    looked = await api.get(f"/api/v1/unsubscribe/{token}")
    assert (looked.status, looked.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert mails_of(api).reminders == {}
    form = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        assert (await api.post(f"/api/v1/unsubscribe/{token}", data=form)).status == 200
    assert mails_of(api).reminders == {CUSTOMER: False}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_of_another_secret_ends_nothing(api: Api, method: str) -> None:
    assert (await api.ask(method, f"/api/v1/unsubscribe/{token_for(CUSTOMER, b'x')}")).code == "not_found"
    assert mails_of(api).reminders == {}


# --- the folder -----------------------------------------------------------------------------------

PASSWORD = {"headers": {"Authorization": aiohttp.encode_basic_auth("me", ADMIN_TOKEN)}}
WRONG = {"headers": {"Authorization": aiohttp.encode_basic_auth("me", "wrong")}}


def letter(number: int = 0, html: str = "<p>Hello</p>") -> Letter:
    headers = [("To", "ada@example.org"), ("Subject", f"<b>Number</b> {number}"), ("Date", str(number))]
    at_ms = int(datetime(2026, 11, 28, 10, 0, number, tzinfo=UTC).timestamp() * 1000)
    return Letter(str(uuid.UUID(int=number)), at_ms, "ada@example.org", sealed(headers, "Hello", html, "=_b"))


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def delivered(folder: Path, count: int, letters_max: int = 10) -> list[str]:
    post = FolderPost(folder, letters_max)
    for number in range(count):
        await post.deliver(letter(number, '<p title="x">Hello</p><script>alert(1)</script>'))
    return names_in(folder)


async def test_the_folder_keeps_the_newest_and_one_file_of_one_mail(tmp_path: Path) -> None:
    for _ in range(2):
        names = await delivered(tmp_path / "mail", 5, letters_max=3)
        assert [name[:15] for name in names] == [f"20261128T10000{second}" for second in (2, 3, 4)]
    assert (tmp_path / "mail" / names[0]).stat().st_mode & 0o077 == 0


async def test_the_folder_holds_a_tenth_more_at_most(tmp_path: Path) -> None:
    post, most = FolderPost(tmp_path, 20), 0
    for number in range(50):
        await post.deliver(letter(number))
        most = max(most, len(names_in(tmp_path)))
    assert most == 21


async def test_letters_are_shown_newest_first_to_who_has_the_token(start: Start, tmp_path: Path) -> None:
    names = await delivered(tmp_path, 2)
    api = await start(Options(mail_folder=tmp_path))
    shown = (await api.get("/mail", **PASSWORD)).raw.decode()
    assert shown.index(names[1]) < shown.index(names[0])
    assert "&lt;b&gt;Number&lt;/b&gt; 1" in shown


async def test_a_letters_html_is_shut_in(start: Start, tmp_path: Path) -> None:
    (name,) = await delivered(tmp_path, 1)
    api = await start(Options(mail_folder=tmp_path))
    answer = await api.get(f"/mail/{name}", **PASSWORD)
    shown = answer.raw.decode()
    assert "<iframe sandbox " in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("given", [{}, WRONG, {"headers": {"Authorization": "Basic ?"}}])
async def test_nobody_else_sees_letters(start: Start, tmp_path: Path, given: dict[str, object]) -> None:
    (name,) = await delivered(tmp_path, 1)
    api = await start(Options(mail_folder=tmp_path))
    for path in ("/mail", f"/mail/{name}"):
        answer = await api.get(path, **given)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("name", ["x.eml", "..%2Fsecrets%2Fadmin", "20261128T100000-" + "0" * 36 + ".eml"])
async def test_only_letters_are_shown(start: Start, tmp_path: Path, name: str) -> None:
    api = await start(Options(mail_folder=tmp_path))
    assert (await api.get(f"/mail/{name}", **PASSWORD)).code == "not_found"


async def test_where_mails_are_sent_there_is_no_such_page(api: Api) -> None:
    assert (await api.get("/mail", **PASSWORD)).code == "not_found"
