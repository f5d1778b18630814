"""Tokens that are mailed: 256 random bits, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets

from domain.account import MailedToken

SECRET_BYTES = 32


def new_token(now_ms: int, life_ms: int) -> tuple[str, MailedToken]:
    """What is mailed, and what is kept."""
    text = secrets.token_urlsafe(SECRET_BYTES)
    return text, MailedToken(token_hash(text), now_ms, now_ms + life_ms)


def token_hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
