"""Which database an operator's command is about."""

from __future__ import annotations

from server.settings import Settings
from server.supervisor.data_folder import read_endpoints
from server.supervisor.failures import StartFailure


def database_url(settings: Settings) -> str:
    """That of DATABASE_URL, or of the server that runs on TURNSTILE_DATA. Raises StartFailure."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    endpoints = read_endpoints(settings.data)
    if endpoints is None:
        raise StartFailure("no database: give DATABASE_URL, or start the server on this TURNSTILE_DATA")
    return str(endpoints["database_url"])
