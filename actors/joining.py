"""Can a Ray cluster be joined? `python -m actors.joining HOST:PORT` says in one line why not, or exits with
0.

A process of its own: the supervisor, which asks before it starts anything, does not import Ray.
"""

from __future__ import annotations

import sys

from actors.ray_runtime import connect, disconnect


def main() -> None:
    try:
        connect(sys.argv[1])
    except ConnectionError as problem:
        sys.exit(str(problem))
    disconnect()


if __name__ == "__main__":
    main()
