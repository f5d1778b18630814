"""The lines a started server prints: where everything is, how to get in, and a first sale to copy."""

from __future__ import annotations

from typing import Any


def announcement(endpoints: dict[str, Any]) -> str:
    """For a person: addresses, the operator's token, and two curl lines that sell a first ticket."""
    http = endpoints["http"]
    lines = [
        "",
        f"Turnstile is open.   API        {http}/api/v1",
        f"                     docs       {http}/docs",
        f"                     metrics    {http}/metrics",
        *_dashboard(endpoints),
        f"                     operator   {endpoints['admin_token']}",
        "",
        "Create an event and hold its first ticket:",
        "",
        *_first_sale(http, endpoints["admin_token"]),
        "",
        "Or fill it with a world to look at: turnstile demo",
        "",
        "Ctrl-C stops it; the data stays.",
    ]
    return "\n".join(lines)


def _dashboard(endpoints: dict[str, Any]) -> list[str]:
    if not endpoints.get("dashboard"):
        return []
    lines = [f"                     dashboard  {endpoints['dashboard']}  (Ray)"]
    if path := endpoints.get("ray_auth_token_path"):
        lines.append(f"                                it asks for a token once: cat {path}")
    return lines


def _first_sale(http: str, token: str) -> list[str]:
    event = (
        '{"name": "First night", "starts_at": "2030-01-01T20:00:00Z", "ticket_types":'
        ' [{"code": "std", "name": "Standard", "quota": 100, "price": {"amount": 4500, "currency": "EUR"}}]}'
    )
    hold = (
        '{"lines": [{"ticket_type": "std", "quantity": 1}],'
        ' "customer": {"name": "Ada", "email": "ada@example.org"}}'
    )
    pick_id = """sed 's/.*"id": *"\\([0-9a-f-]\\{36\\}\\)".*/\\1/'"""
    post = "-H 'Content-Type: application/json' -d"
    create = f"curl -s {http}/api/v1/events -H 'Authorization: Bearer {token}' {post} '{event}'"
    return [
        f"EVENT=$({create} | {pick_id})",
        f"curl -s {http}/api/v1/events/$EVENT/reservations {post} '{hold}'",
    ]
