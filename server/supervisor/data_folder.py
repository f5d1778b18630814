"""The data folder: who may use it (one server at a time), and the small files in it.

lock             held with flock while a server runs; the kernel lets go of it however the server ends
secrets/         generated passwords and tokens, mode 0600
processes.json   what was started, so that a start after a crash can end what is left of it
endpoints.json   where a running server is found; removed when it stops
logs/            output of the embedded servers
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.supervisor.failures import StartFailure
from server.supervisor.processes import Identity

SECRET_BYTES = 24
LOG_KEEP_MAX_BYTES = 10_000_000
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(slots=True)
class DataFolder:
    """An open data folder; `close` lets others have it."""

    path: Path
    lock_fd: int

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Makes the folder, if there is none, and takes its lock. Raises StartFailure."""
        path = path.absolute()
        try:
            _make_or_check(path)
            for name, mode in (("secrets", 0o700), ("logs", 0o700)):
                (path / name).mkdir(mode=mode, exist_ok=True)
            lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartFailure(
                f"data folder {path} cannot be written: {error.strerror} (TURNSTILE_DATA)"
            ) from None
        _take_lock(path, lock_fd)
        return cls(path, lock_fd)

    def close(self) -> None:
        """Lets go of the lock."""
        os.close(self.lock_fd)

    def secret(self, name: str, n_bytes: int = SECRET_BYTES) -> str:
        """A generated secret, the same at every start."""
        path = self.secret_path(name)
        if not path.exists():
            write_private(path, secrets.token_hex(n_bytes))
        return path.read_text().strip()

    def secret_path(self, name: str) -> Path:
        """Where a secret lies."""
        return self.path / "secrets" / name

    def log(self, name: str) -> Path:
        """A log file; what is too long of earlier starts is set aside once."""
        path = self.path / "logs" / f"{name}.log"
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > LOG_KEEP_MAX_BYTES:
                path.replace(path.with_suffix(".old.log"))
        return path

    def emptied(self, name: str, pattern: str) -> Path:
        """A folder of that name without files of that pattern. Others stay: the data folder may be a home."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in folder.glob(pattern):
            old.unlink()
        return folder

    def remember(self, processes: list[Identity]) -> None:
        """Writes down what runs, for a start after a crash."""
        write_private(self.path / "processes.json", json.dumps([asdict(one) for one in processes]))

    def remembered(self) -> list[Identity]:
        """What the last server had started, if it did not end in order."""
        try:
            return [Identity(**one) for one in json.loads((self.path / "processes.json").read_text())]
        except (OSError, ValueError, TypeError):
            return []

    def forget(self) -> None:
        """After an orderly end: no process is left, and nobody is to be found here."""
        for name in ("processes.json", "endpoints.json"):
            (self.path / name).unlink(missing_ok=True)


def _make_or_check(path: Path) -> None:
    """The mode of a folder that somebody else has made is theirs to change: it may be /tmp, or a home."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & WRITABLE_BY_OTHERS:
            raise StartFailure(
                f"data folder {path} can be written by others (mode {mode:o}): set TURNSTILE_DATA to another,"
                f" or, if it is for Turnstile alone, chmod go-w {path}"
            ) from None
    else:
        # As root PostgreSQL runs as another user, who has to pass through; what is secret has its own mode.
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _take_lock(path: Path, lock_fd: int) -> None:
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(lock_fd, 32, 0).decode().strip() or "unknown"
        os.close(lock_fd)
        raise StartFailure(f"data folder {path} is in use by another server (process {holder})") from None
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, str(os.getpid()).encode(), 0)


def write_private(path: Path, text: str) -> None:
    """Writes a file only its owner can read, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read_endpoints(path: Path) -> dict[str, Any] | None:
    """What `endpoints.json` of a data folder says; None: no server runs there."""
    try:
        found = json.loads((path / "endpoints.json").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartFailure(f"{path / 'endpoints.json'} cannot be read: {error}") from None
    return found if isinstance(found, dict) else None
