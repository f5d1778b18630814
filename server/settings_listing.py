"""The settings as text, made from the fields of `Settings`: for `turnstile serve --help` and
`.env.example`.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from server.settings import Settings, variable_of

LINE_MAX_CHARS = 100


@dataclass(slots=True, frozen=True)
class Listed:
    """One setting as a reader sees it. An empty default means: unset."""

    variable: str
    default: str
    bounds: str
    description: str


def listed_settings() -> list[Listed]:
    """All settings in the order of their fields."""
    return [
        Listed(variable_of(name), _text(field.default), _bounds(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def help_text() -> str:
    """The paragraph of `--help`: one setting after the other, wrapped."""
    blocks = [
        f"{one.variable}={one.default}\n" + _wrapped(_sentence(one), "    ") for one in listed_settings()
    ]
    return "\n".join(blocks)


def env_example() -> str:
    """`.env.example`: every setting at its default, commented out."""
    head = (
        "# Every setting at its default. Copy this file to .env, or set variables (they win).\n"
        "# Made by `make env-example` from server/settings.py; a test compares the two.\n"
    )
    blocks = [
        f"{_wrapped(_sentence(one), '# ')}\n#{one.variable}={one.default}\n" for one in listed_settings()
    ]
    return "\n".join([head, *blocks])


def _sentence(one: Listed) -> str:
    return f"{one.description} ({one.bounds})" if one.bounds else one.description


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text, LINE_MAX_CHARS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _text(default: Any) -> str:
    if default is None or isinstance(default, SecretStr):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, tuple) else str(default)


def _bounds(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(map(str, get_args(field.annotation)))
    low = next((mark.ge for mark in field.metadata if isinstance(mark, annotated_types.Ge)), None)
    high = next((mark.le for mark in field.metadata if isinstance(mark, annotated_types.Le)), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    least = next(
        (mark.min_length for mark in field.metadata if isinstance(mark, annotated_types.MinLen)), None
    )
    return f"at least {least} characters" if least is not None and least > 1 else ""
