"""Organisers, and who acts for them: invited by mail, joined by who is signed in, dismissed.

Whether an address has an account is told to nobody who invites it.
"""

from __future__ import annotations

from aiohttp import web

from domain.account import INVITATION_LIFE_MS, Invitation, Organiser, Role
from domain.mail import Json, Mail, MailKind
from domain.messages import Rejected
from server import views
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.handlers_accounts import mailable
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.one_time_tokens import new_token, token_hash
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import PageQuery
from server.payloads_organisers import Joining, NewInvitation, NewOrganiser
from server.problems import invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.throttle import Group
from server.views_accounts import AskedView, account_view
from server.views_organisers import member_view, organiser_view

_NEW, _INVITATION, _JOINING = Payload(NewOrganiser), Payload(NewInvitation), Payload(Joining)
_ASKED = views.encode(AskedView())
_DAY_MS = 86_400_000


class OrganiserHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make an organiser. Whoever is to act for it is invited."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        key, now_ms = key_of(request, body), parts.reads.now_ms()
        made = await parts.organisers.create(
            Organiser(uuid7(now_ms), wanted.name, now_ms),
            (key.request_id, key.fingerprint) if key else None,
        )
        if isinstance(made, Rejected):
            return refusal(made)
        location = f"Location: /api/v1/organisers/{made.id}\r\n"
        return Reply(201, views.encode(organiser_view(made)), location.encode())

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List organisers, the oldest first."""
        query = parse_query(request, PageQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        found = await self._parts.organisers.organisers(after, query.limit + 1)
        shown = found[: query.limit]
        following = cursor_of(shown[-1].id) if len(found) > query.limit else None
        return Reply(200, views.page([organiser_view(one) for one in shown], following))

    async def show(self, _request: web.BaseRequest, organiser_text: str) -> Reply:
        """Show an organiser."""
        return Reply(200, views.encode(organiser_view(await self._found(organiser_text))))

    async def invite(self, request: web.BaseRequest, organiser_text: str) -> Reply:
        """Invite somebody, by mail, to act for an organiser.

        The token in the mail makes a member of the account that has this address, there or still to be made.
        """
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _INVITATION.parse(request, body)
        organiser = await self._found(organiser_text)
        key = key_of(request, body)
        email, customer = mailable(wanted.email), parts.customers.key(wanted.email)
        await parts.throttle.of_email(Group.ASK_EMAIL, customer)
        text, token = new_token(parts.reads.now_ms(), INVITATION_LIFE_MS)
        days = INVITATION_LIFE_MS // _DAY_MS
        said: dict[str, Json] = {"token": text, "valid_days": days, "organiser": organiser.name}
        refused = await parts.organisers.invite(
            Invitation(organiser.id, Role(wanted.role)),
            customer,
            token,
            Mail(MailKind.INVITATION, email, language=wanted.language, parameters=said),
            (key.request_id, key.fingerprint) if key else None,
        )
        return refusal(refused) if refused is not None else Reply(202, _ASKED, PRIVATE)

    async def members(self, _request: web.BaseRequest, organiser_text: str) -> Reply:
        """List all who act for an organiser."""
        organiser = await self._found(organiser_text)
        found = await self._parts.organisers.members(organiser.id)
        return Reply(200, views.page([member_view(account) for account in found], None), PRIVATE)

    async def dismiss(self, _request: web.BaseRequest, organiser_text: str, account_text: str) -> Reply:
        """Dismiss a member: the account is a customer's again, and its sessions end."""
        organiser_id, account_id = parse_id(organiser_text), parse_id(account_text)
        if organiser_id is None or account_id is None:
            raise not_found("member")
        return await self._left(organiser_id, account_id)

    async def join(self, request: web.BaseRequest) -> Reply:
        """Accept an invitation. The next access token says so: refresh the session."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _JOINING.parse(request, body)
        account_id = caller_of(request).account_id
        assert account_id is not None, "the route is for accounts"
        now_ms = parts.reads.now_ms()
        joined = await parts.organisers.join(account_id, token_hash(wanted.token), now_ms)
        if isinstance(joined, Rejected):
            return refusal(joined)
        tag = b'ETag: "%d"\r\n' % joined.version
        return Reply(200, views.encode(account_view(joined)), tag + PRIVATE)

    async def leave(self, request: web.BaseRequest) -> Reply:
        """Leave the organiser that one acts for; all sessions end."""
        caller = caller_of(request)
        if caller.organiser_id is None or caller.account_id is None:
            raise not_found("organiser")
        return await self._left(caller.organiser_id, caller.account_id)

    async def _left(self, organiser_id: str, account_id: str) -> Reply:
        parts = self._parts
        ended = await parts.organisers.dismiss(organiser_id, account_id, parts.reads.now_ms())
        if ended is None:
            raise not_found("member")
        parts.access.end(ended)
        return Reply(204, content_type="")

    async def _found(self, organiser_text: str) -> Organiser:
        organiser_id = parse_id(organiser_text)
        found = await self._parts.organisers.organiser(organiser_id) if organiser_id else None
        if found is None:
            raise not_found("organiser")
        return found
