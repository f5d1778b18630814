"""Requests made beforehand, in a file that both generators send in turn: wrk and `open_loop`.

For load that goes to many paths. No request has a NUL in it, so one stands between any two.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

BETWEEN = b"\0"


def request(
    port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> bytes:
    """A whole HTTP request to 127.0.0.1, with a JSON body if there is one."""
    data = b"" if body is None else msgspec.json.encode(body)
    about = {} if body is None else {"Content-Type": "application/json", "Content-Length": str(len(data))}
    lines = {"Host": f"127.0.0.1:{port}", **about, **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data


def write(path: Path, requests: Sequence[bytes]) -> Path:
    path.write_bytes(BETWEEN.join(requests))
    return path


def read(path: Path) -> list[bytes]:
    return path.read_bytes().split(BETWEEN)
