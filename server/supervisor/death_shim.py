"""Becomes another program that dies with its parent, run as `python -I -S death_shim.py SIGNAL PARENT UID GID PROGRAM ...`.

A supervisor that is ended by kill -9 can end nobody any more, so the kernel does it (Linux only: elsewhere the next
start reads the record of processes). This is a program of its own and not a `preexec_fn` because the supervisor has
threads. The order matters: a change of user clears the wish, so it comes first. The kernel watches the *thread*
that forked us: the supervisor starts its children from its main thread.
"""

import os
import sys

PR_SET_PDEATHSIG = 1


def _ask_for_signal(number: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def main(death_signal: int, parent: int, uid: int, gid: int, program: list[str]) -> None:
    """Does not return: the program takes this process over."""
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if death_signal and sys.platform == "linux":
        _ask_for_signal(death_signal)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:5]), program=sys.argv[5:])
