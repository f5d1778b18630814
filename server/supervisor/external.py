"""Servers that were given by address are checked before anything of ours is started."""

from __future__ import annotations

from server.settings import Settings
from server.supervisor.data_folder import DataFolder
from server.supervisor.failures import StartFailure
from server.supervisor.joining import check_joinable
from server.supervisor.reachable import (
    POSTGRES_PORT,
    grpc_answers,
    host_and_port,
    postgres_answers,
    redis_problem,
)


async def check_given_servers(settings: Settings, data: DataFolder) -> None:
    """Raises StartFailure with one line that names the variable; never the password in it."""
    if settings.database_url is not None:
        host, port = host_and_port(settings.database_url.get_secret_value(), POSTGRES_PORT)
        if not await postgres_answers(host, port):
            raise StartFailure(f"DATABASE_URL: no PostgreSQL answers at {host}:{port}")
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        if problem := await redis_problem(url):
            raise StartFailure(f"REDIS_URL: {problem.replace(url, 'the server')}")
    if settings.ray_address is not None:
        host, _, port_text = settings.ray_address.rpartition(":")
        if not await grpc_answers(host, int(port_text)):
            raise StartFailure(f"RAY_ADDRESS: no head of a Ray cluster answers at {settings.ray_address}")
        await check_joinable(data, settings.ray_address)
