"""Starts Turnstile as `make serve` does, in a fresh temporary folder, and says where everything is.

Its PostgreSQL, Valkey and Ray serve the peers too: same servers, same disk, same settings.
"""

import http
import http.client
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loadtest.bench.children import DidNotStart, child, wait_until

__all__ = [
    "DidNotStart",
    "Stack",
    "described",
    "free_port",
    "given",
    "is_ready",
    "started",
    "temporary_folder",
]

START_TIMEOUT_S = 180.0
PROBE_TIMEOUT_S = 2.0


class Stack(msgspec.Struct, frozen=True):
    """A running server: the process to watch and what its endpoints.json says."""

    pid: int | None
    folder: Path
    endpoints_file: Path
    http: str
    database_url: str
    redis_url: str
    ray_address: str
    admin_token: str
    ray_environment: dict[str, str]
    """What a process needs in its environment to join the Ray cluster."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def is_ready(url: str) -> bool:
    """Whether a GET is answered with 200."""
    address = urlsplit(url)
    probe = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PROBE_TIMEOUT_S)
    try:
        probe.request("GET", address.path)
        return probe.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        probe.close()


def described(endpoints_file: Path, pid: int | None) -> Stack:
    found: dict[str, Any] = msgspec.json.decode(endpoints_file.read_bytes())
    names = ("http", "database_url", "redis_url", "ray_address", "admin_token")
    texts = {name: str(found.get(name) or "") for name in names}
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(found.get("ray_auth_token_path"))}
    return Stack(
        pid=pid,
        folder=endpoints_file.parent,
        endpoints_file=endpoints_file,
        ray_environment=found.get("ray_environment") or environment,
        **texts,
    )


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="turnstile-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # PostgreSQL runs as another user when started by root, and must get through
        yield folder


@contextmanager
def given(endpoints_file: Path) -> Iterator[Stack]:
    """A server that runs already; it is left running, and its process groups are told by its data folder."""
    yield described(endpoints_file, None)


@contextmanager
def started(workers: int, settings: Mapping[str, str]) -> Iterator[Stack]:
    """`turnstile serve` until the end of the `with`; `settings` are further variables of its environment."""
    with temporary_folder() as folder:
        data, log = folder / "data", folder / "server.log"
        environment = {
            "TURNSTILE_DATA": str(data),
            "TURNSTILE_PORT": "0",
            "TURNSTILE_WORKERS": str(workers),
            **settings,
        }
        command = [*turnstile_command(), "serve"]
        with child(command, log, environment) as process:
            endpoints = data / "endpoints.json"
            wait_until(lambda: answers(endpoints), process, "turnstile serve", log, START_TIMEOUT_S)
            yield described(endpoints, process.pid)


def turnstile_command() -> list[str]:
    """The console script beside this Python; in a checkout that is not installed, the module behind it."""
    script = Path(sys.executable).parent / "turnstile"
    return [str(script)] if script.exists() else [sys.executable, "-m", "server.cli"]


def answers(endpoints: Path) -> bool:
    return endpoints.exists() and is_ready(described(endpoints, None).http + "/readyz")
