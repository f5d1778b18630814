"""A process that draws tickets, one file after the other: `python -m server.ticket_printer`.

It reads papers and writes files on its standard streams, each with its length before it, and ends when nobody
writes to it any more. It has lower priority than the front end that it works for.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import IO

import msgspec

from server.ticket_paper import DONE, FAILED, LENGTH_BYTES, Paper
from server.ticket_pdf import drawn

NICENESS = 5
_papers = msgspec.msgpack.Decoder(Paper)


def main() -> None:
    """Until the end of input."""
    os.nice(NICENESS)
    for quiet in ("fontTools", "fpdf"):
        logging.getLogger(quiet).setLevel(logging.ERROR)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while length := source.read(LENGTH_BYTES):
        answer = _answer(source.read(int.from_bytes(length, "big")))
        _write(target, answer)


def _answer(paper: bytes) -> bytes:
    try:
        return DONE + drawn(_papers.decode(paper))
    except Exception as error:  # noqa: BLE001 - one bad paper must not end it
        return FAILED + repr(error).encode()


def _write(target: IO[bytes], answer: bytes) -> None:
    target.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
    target.flush()


if __name__ == "__main__":
    main()
