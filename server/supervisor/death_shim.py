"""Becomes another program that dies with its parent, run as `python -I -S death_shim.py SIGNAL PARENT UID
GID PROGRAM ...`.

A supervisor that is ended by kill -9 can end nobody any more, so the kernel does it (Linux only: elsewhere
the next start reads the record of processes). This is a program of its own and not a `preexec_fn` because
the supervisor has threads. The order matters: a change of user clears the wish, so it comes first. The
kernel watches the *thread* that forked us: the supervisor starts its children from its main thread.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # what is imported here is paid for at each start of a process
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def _prctl() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    import ctypes

    return ctypes.CDLL(None).prctl


def main(death_signal: int, parent: int, uid: int, gid: int, program: list[str]) -> None:
    """Does not return: the program takes this process over."""
    # First: the other user may not be able to read Python's library.
    prctl = _prctl() if death_signal else None
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    try:
        os.execv(program[0], program)  # noqa: S606 - by full path
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    signal_, parent_, uid_, gid_ = (int(word) for word in sys.argv[1:5])
    main(signal_, parent_, uid_, gid_, sys.argv[5:])
