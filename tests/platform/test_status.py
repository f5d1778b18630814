"""The table of `turnstile status`: how many of an owner's inventories it names."""

from __future__ import annotations

from rich.console import Console

from server.supervisor.status import show_owners

OWNER = {"name": "pool:3", "inventories": 200, "owns": ["first", "second", "third"]}


def _shown(limit: int) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        show_owners([OWNER], console, limit)
    return capture.get()


def test_so_many_are_named_as_asked_for_and_all_are_counted() -> None:
    assert "200  first second ..." in _shown(2)
    assert "200  first second third " in _shown(3)
    assert "..." not in _shown(3)
    assert "first" not in _shown(0)
    assert "200" in _shown(0)
