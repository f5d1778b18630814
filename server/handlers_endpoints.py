"""Webhook endpoints: make, show, list, change, pause, remove; and the log of what was told to each, sent
again where it has to be.

A secret is shown by the answer that made it, and by the same answer to the same key, but by no other.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET, UnsetType

from domain.endpoints import DeliveryStatus, Endpoint, EndpointChange, secret_of, url_fault
from domain.messages import Rejected
from server import views
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.entity_tags import version_of, wanted_versions
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import PageQuery
from server.payloads_endpoints import DeliveriesQuery, EndpointPatch, NewEndpoint
from server.problems import invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.views_endpoints import delivery_view, endpoint_view
from server.views_mails import ReplayedView

_NEW, _PATCH = Payload(NewEndpoint), Payload(EndpointPatch)


class EndpointHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make a webhook endpoint. The answer alone has its secret."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        self._check_url(wanted.url)
        inventory_id = await self._inventory(request, wanted.inventory_id)
        organiser_id = await parts.belongings.for_whom(request, wanted.organiser_id)
        key, now_ms = key_of(request, body), parts.reads.now_ms()
        new = Endpoint(
            id=uuid7(now_ms),
            url=wanted.url,
            created_ms=now_ms,
            kinds=wanted.kinds,
            inventory_id=inventory_id,
            organiser_id=organiser_id,
            description=wanted.description,
        )
        made = await parts.endpoints.create(new, (key.request_id, key.fingerprint) if key else None)
        if isinstance(made, Rejected):
            return refusal(made)
        place = f"Location: /api/v1/webhook-endpoints/{made.id}\r\n".encode()
        return _shown(made, await self._secret(made), 201, place + PRIVATE)

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List webhook endpoints, the oldest first: an organiser's own, or all."""
        query = parse_query(request, PageQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        found = await self._parts.endpoints.page(after, query.limit + 1, caller_of(request).organiser_id)
        shown = found[: query.limit]
        following = cursor_of(shown[-1].id) if len(found) > query.limit else None
        return Reply(200, views.page([endpoint_view(one) for one in shown], following))

    async def show(self, _request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Show a webhook endpoint."""
        return _shown(await self._found(endpoint_text))

    async def change(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Change a webhook endpoint. What is on its way already goes where it was to go."""
        body = await read_body(request, self._parts.options.body_max_bytes)
        wanted = _PATCH.parse(request, body)
        if wanted.url is not UNSET:
            self._check_url(wanted.url)
        present = await self._found(endpoint_text)
        change = EndpointChange(
            None if wanted.url is UNSET else wanted.url,
            None if wanted.kinds is UNSET else wanted.kinds,
            None if wanted.description is UNSET else wanted.description,
        )
        if_version = version_of(wanted_versions(request), present.version)
        changed = await self._parts.endpoints.change(present.id, change, if_version)
        return refusal(changed) if isinstance(changed, Rejected) else _shown(changed)

    async def remove(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Remove a webhook endpoint. Nothing is sent to it any more."""
        present = await self._found(endpoint_text)
        if_version = version_of(wanted_versions(request), present.version)
        refused = await self._parts.endpoints.remove(present.id, if_version)
        return refusal(refused) if refused is not None else Reply(204, content_type="")

    async def rotate(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Make another secret. What is sent in the next 24 hours is signed with both."""
        body = await read_body(request, self._parts.options.body_max_bytes)
        present, key = await self._found(endpoint_text), key_of(request, body)
        if_version = version_of(wanted_versions(request), present.version)
        rotated = await self._parts.endpoints.rotate(
            present.id, if_version, (key.request_id, key.fingerprint) if key else None
        )
        if isinstance(rotated, Rejected):
            return refusal(rotated)
        return _shown(rotated, await self._secret(rotated), lines=PRIVATE)

    async def pause(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Send nothing to a webhook endpoint until it is resumed; what happens is kept for it."""
        await read_body(request, self._parts.options.body_max_bytes)
        return _shown_or_missing(await self._parts.endpoints.pause(_endpoint_id(endpoint_text)))

    async def resume(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Send to a webhook endpoint again, all that waits first."""
        await read_body(request, self._parts.options.body_max_bytes)
        return _shown_or_missing(await self._parts.endpoints.resume(_endpoint_id(endpoint_text)))

    async def log(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """List what was told to a webhook endpoint, the newest first."""
        query = parse_query(request, DeliveriesQuery)
        after = sort_key_of(query.cursor, tuple[int, str])
        if after is not None and (parse_id(after[1]) is None or not 0 <= after[0] < 2**63):
            raise invalid("cursor", "Not a cursor of this list.")
        endpoint = await self._found(endpoint_text)
        status = None if query.status is UNSET else DeliveryStatus(query.status)
        found = await self._parts.endpoints.log(endpoint.id, status, after, query.limit + 1)
        shown = found[: query.limit]
        following = cursor_of((shown[-1].created_ms, shown[-1].id)) if len(found) > query.limit else None
        return Reply(200, views.page([delivery_view(one) for one in shown], following))

    async def delivery(self, _request: web.BaseRequest, endpoint_text: str, delivery_text: str) -> Reply:
        """Show what was told to a webhook endpoint, with its body."""
        endpoint_id, delivery_id = _endpoint_id(endpoint_text), parse_id(delivery_text)
        found = await self._parts.endpoints.delivery(endpoint_id, delivery_id) if delivery_id else None
        if found is None:
            raise not_found("delivery")
        return Reply(200, views.encode(delivery_view(found)))

    async def replay(self, request: web.BaseRequest, endpoint_text: str, delivery_text: str) -> Reply:
        """Tell a webhook endpoint again, under the same id. What is pending stays so."""
        await read_body(request, self._parts.options.body_max_bytes)
        endpoint_id, delivery_id = _endpoint_id(endpoint_text), parse_id(delivery_text)
        endpoints = self._parts.endpoints
        found = None
        if delivery_id is not None:
            found = await endpoints.replay(endpoint_id, delivery_id)
            found = found or await endpoints.delivery(endpoint_id, delivery_id)
        if found is None:
            raise not_found("delivery")
        return Reply(200, views.encode(delivery_view(found)))

    async def replay_dead(self, request: web.BaseRequest, endpoint_text: str) -> Reply:
        """Tell a webhook endpoint again of all that is dead."""
        await read_body(request, self._parts.options.body_max_bytes)
        endpoint = await self._found(endpoint_text)
        return Reply(200, views.encode(ReplayedView(await self._parts.endpoints.replay_dead(endpoint.id))))

    def _check_url(self, url: str) -> None:
        fault = url_fault(url, self._parts.options.webhooks_local)
        if fault is not None:
            raise invalid("url", fault)

    async def _inventory(self, request: web.BaseRequest, text: str | None) -> str | None:
        """One that there is, and that is in the caller's charge. Raises invalid."""
        if text is None:
            return None
        reads, inventory_id = self._parts.reads, parse_id(text)
        found = inventory_id and (await reads.event(inventory_id) or await reads.restaurant(inventory_id))
        if not found or not await self._parts.belongings.takes_charge(request, inventory_id):
            raise invalid("inventory_id", "There is no such event or restaurant.")
        return inventory_id

    async def _secret(self, endpoint: Endpoint) -> str:
        return secret_of(await self._parts.endpoints.secrets_key(), endpoint.id, endpoint.generation)

    async def _found(self, endpoint_text: str) -> Endpoint:
        found = await self._parts.endpoints.find(_endpoint_id(endpoint_text))
        if found is None:
            raise not_found("endpoint")
        return found


def _endpoint_id(text: str) -> str:
    endpoint_id = parse_id(text)
    if endpoint_id is None:
        raise not_found("endpoint")
    return endpoint_id


def _shown_or_missing(endpoint: Endpoint | None) -> Reply:
    if endpoint is None:
        raise not_found("endpoint")
    return _shown(endpoint)


def _shown(
    endpoint: Endpoint, secret: str | UnsetType = UNSET, status: int = 200, lines: bytes = b""
) -> Reply:
    tag = b'ETag: "%d"\r\n' % endpoint.version
    return Reply(status, views.encode(endpoint_view(endpoint, secret)), tag + lines)
