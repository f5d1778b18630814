"""Access tokens of many at once, as `server.access_tokens` makes them: signed here, with the key of the
benchmark's own database, because to log in takes a tenth of a second for each, of argon2, and is not what is
measured."""

import os
import time
from base64 import b64encode
from typing import Any
from uuid import uuid4

import asyncpg
import jwt

TOKEN_LIFE_S = 840
"""Less than the 15 minutes of a real one."""


async def tokens(database_url: str, names: list[str], **said: Any) -> list[str]:
    """An access token for each of these accounts, of sessions that nobody has ended. `said`: the `role`, and
    of members the `organiser`."""
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow(
            "SELECT name, value FROM secrets WHERE name LIKE 'access_key:%' ORDER BY name LIMIT 1"
        )
    finally:
        await connection.close()
    key_id, now_s = row["name"].partition(":")[2], int(time.time())
    common = {
        "iss": "turnstile",
        "aud": "turnstile-api",
        "iat": now_s,
        "exp": now_s + TOKEN_LIFE_S,
        **said,
    }
    return [
        jwt.encode(
            common | {"sub": name, "sid": str(uuid4()), "customer": b64encode(os.urandom(16)).decode()},
            row["value"],
            algorithm="HS256",
            headers={"kid": key_id},
        )
        for name in names
    ]
