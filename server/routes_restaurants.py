"""The routes of restaurants and their tables; see `server/routes.py`."""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from domain.images import IMAGE_MAX_BYTES, MEDIA_TYPES
from server import payloads_restaurants as given
from server import views_restaurants as shown
from server.callers import Who
from server.handlers_images import ImageHandlers
from server.handlers_live import LiveHandlers, LiveTimeEvents
from server.handlers_placement import PlacementHandlers
from server.handlers_restaurants import RestaurantHandlers
from server.handlers_tables import TableHandlers
from server.live import EVENT_STREAM
from server.payloads import NewPlacement, Nothing
from server.payloads_catalogue import RestaurantsQuery
from server.route import Route
from server.throttle import Group
from server.views import Page, RestaurantPlacementView
from server.views_submissions import AcceptedView

_RESTAURANT = "/api/v1/restaurants/{restaurant_id}"
_RESERVATION = "/api/v1/reservations/{reservation_id}"
_NOT_TO_BE_HAD = ("taken", "held", "limit_exceeded", "sales_closed")
_NO_HOLD = ("hold_expired", "wrong_state")


# One route is easier to find among its like than among its arguments.
# fmt: off
def restaurant_routes(
    restaurants: RestaurantHandlers, tables: TableHandlers, placement: PlacementHandlers, live: LiveHandlers
) -> list[Route]:
    """Every route of restaurants."""
    restaurant, view = shown.RestaurantView, shown.TableReservationView
    public: Any = {"tag": "restaurants"}
    seen: Any = {**public, "who": Who.READER, "scope": Scope.READ}
    cached: Any = {**seen, "request_headers": ("If-None-Match",), "reply_headers": ("ETag", "Cache-Control")}
    command: Any = {**public, "who": Who.ORGANISER, "scope": Scope.MANAGE, "asks_owner": True,
                    "reply_headers": ("ETag",)}
    action: Any = {**command, "body": Nothing, "body_optional": True, "keyed": True}
    created: Any = {**command, "status": 201, "reply_headers": ("ETag", "Location"), "keyed": True}
    matched: Any = {**command, "request_headers": ("If-Match",), "problems": ("in_use", "stale")}
    placed: Any = {**public, "status": 201, "reply_headers": ("Location",), "keyed": True, "asks_owner": True}
    staff: Any = {"tag": "reservations", "who": Who.STAFF, "scope": Scope.CHECK_IN, "asks_owner": True,
                  "keyed": True}
    owned: Any = {**public, "who": Who.OPERATOR, "problems": ("unavailable", "overloaded")}
    floor: Any = {**staff, "body": Nothing, "body_optional": True}
    return [
        Route("POST", "/api/v1/restaurants", restaurants.create, restaurant, body=given.NewRestaurant,
              **created),
        Route("GET", "/api/v1/restaurants", restaurants.list_all, Page[shown.RestaurantView],
              query=RestaurantsQuery, **cached),
        Route("GET", _RESTAURANT, restaurants.show, restaurant, reply_headers=("ETag",), **seen),
        Route("PATCH", _RESTAURANT, restaurants.change, restaurant, body=given.RestaurantPatch, **matched),
        Route("DELETE", _RESTAURANT, restaurants.remove, None, status=204, **matched | {"reply_headers": ()}),
        Route("POST", f"{_RESTAURANT}/pause", restaurants.pause, restaurant, **action),
        Route("POST", f"{_RESTAURANT}/resume", restaurants.resume, restaurant, **action),
        Route("POST", f"{_RESTAURANT}/publish", restaurants.publish, restaurant, problems=("wrong_state",),
              **action),
        Route("POST", f"{_RESTAURANT}/close", restaurants.close, restaurant, problems=("wrong_state",),
              **action),
        Route("POST", f"{_RESTAURANT}/cancel", restaurants.cancel, restaurant, **action),
        Route("GET", f"{_RESTAURANT}/placement", placement.show, RestaurantPlacementView, scope=Scope.READ,
              **owned),
        Route("PUT", f"{_RESTAURANT}/placement", placement.change, RestaurantPlacementView,
              body=NewPlacement, scope=Scope.MANAGE, **owned),
        Route("GET", f"{_RESTAURANT}/search", restaurants.search, shown.SearchView, query=given.SearchQuery,
              asks_owner=True, **seen),
        Route("GET", f"{_RESTAURANT}/availability/stream", live.times, LiveTimeEvents, media=EVENT_STREAM,
              query=given.WatchQuery, request_headers=("Last-Event-ID",), reply_headers=("Cache-Control",),
              **seen),
        Route("POST", f"{_RESTAURANT}/reservations", tables.place, view,
              accepted=AcceptedView, who=Who.GUEST, scope=Scope.SELL, group=Group.RESERVE,
              body=given.NewTableReservation, problems=(*_NOT_TO_BE_HAD, "score_too_low"), **placed),
        Route("POST", f"{_RESTAURANT}/walk-ins", tables.walk_in, view, who=Who.STAFF, scope=Scope.CHECK_IN,
              body=given.NewWalkIn, problems=("taken", "held", "sales_closed"), **placed),
        Route("GET", f"{_RESTAURANT}/reservations", tables.list_of_restaurant,
              Page[shown.TableReservationView], who=Who.STAFF, scope=Scope.READ, query=given.StaysQuery,
              **public),
        Route("GET", f"{_RESTAURANT}/guests", tables.guests, Page[shown.GuestView], who=Who.STAFF,
              scope=Scope.READ, query=given.GuestsQuery, **public),
        Route("POST", f"{_RESERVATION}/move", tables.move, view, who=Who.HOLDER, scope=Scope.SELL,
              body=given.TableMove,
              problems=(*_NOT_TO_BE_HAD, *_NO_HOLD, "too_late"), tag="reservations", keyed=True,
              asks_owner=True),
        Route("POST", f"{_RESERVATION}/seat", tables.seat, view, **floor,
              problems=("taken", "held", "too_late", *_NO_HOLD)),
        Route("POST", f"{_RESERVATION}/complete", tables.complete, view, problems=_NO_HOLD, **floor),
        Route("POST", f"{_RESERVATION}/no-show", tables.no_show, view, problems=_NO_HOLD, **floor),
        Route("POST", f"{_RESERVATION}/prolong", tables.prolong, view, body=given.Prolonging,
              problems=_NO_HOLD, **staff | {"who": Who.ORGANISER}),
    ]


def image_routes(images: ImageHandlers) -> list[Route]:
    """Every route of restaurants' images."""
    seen: Any = {"tag": "restaurants", "who": Who.READER, "scope": Scope.READ}
    own: Any = {"tag": "restaurants", "who": Who.ORGANISER, "scope": Scope.MANAGE}
    cached: Any = {**seen, "request_headers": ("If-None-Match",), "reply_headers": ("ETag", "Cache-Control")}
    image = f"{_RESTAURANT}/images/{{image_id}}"
    return [
        Route("POST", f"{_RESTAURANT}/images", images.add, shown.ImageView, status=201, keyed=True,
              body_media=MEDIA_TYPES, body_max_bytes=IMAGE_MAX_BYTES, reply_headers=("Location",),
              problems=("limit_exceeded",), **own),
        Route("GET", f"{_RESTAURANT}/images", images.list_all, Page[shown.ImageView], **seen),
        Route("GET", image, images.show, bytes, media="image/*", **cached),
        Route("DELETE", image, images.remove, None, status=204, **own),
    ]
