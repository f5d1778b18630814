"""Command line: `python -m tests.simulation --seeds N --from S`, or one seed again with `--seed X -v`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.simulation.run import Outcome, play, play_all


def main() -> int:
    asked = _arguments()
    if asked.seed is not None:
        return _one(asked.seed, asked.v)
    return _many(asked.start, asked.seeds, asked.processes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many scenarios")
    parser.add_argument("--from", dest="start", type=int, default=0, metavar="S", help="the first seed")
    parser.add_argument("--seed", type=int, metavar="X", help="play only this one")
    parser.add_argument("-v", action="store_true", help="with --seed: tell what happens")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _one(seed: int, verbose: bool) -> int:
    outcome = play(seed, traced=verbose)
    for at_s, what in outcome.trace:
        print(f"{at_s:9.4f}  {what}")
    _report(outcome)
    print(f"seed {seed}: {outcome.steps} steps, {outcome.attempts} requests, trace {outcome.trace_hash[:16]}")
    return 1 if outcome.wrong else 0


def _many(start: int, seeds: int, processes: int) -> int:
    began, played, steps, requests, failed = time.monotonic(), 0, 0, 0, 0
    for outcomes in play_all(range(start, start + seeds), processes):
        for outcome in outcomes:
            played, steps, requests = played + 1, steps + outcome.steps, requests + outcome.attempts
            failed += bool(outcome.wrong)
            _report(outcome)
        _progress(f"{played}/{seeds} scenarios, {failed} failed, {played / (time.monotonic() - began):.0f}/s")
    _progress("", end=True)
    print(
        f"{played} scenarios from seed {start}, {requests} requests, {steps} steps, {failed} failed,"
        f" {played / max(time.monotonic() - began, 0.001):.0f} a second"
    )
    return 1 if failed else 0


def _report(outcome: Outcome) -> None:
    if not outcome.wrong:
        return
    print(f"\nseed {outcome.seed} FAILED ({', '.join(outcome.kinds)})")
    for wrong in outcome.wrong[:10]:
        print(f"  {wrong}")
    print(f"  again: python -m tests.simulation --seed {outcome.seed} -v", flush=True)


def _progress(line: str, end: bool = False) -> None:
    if sys.stderr.isatty():
        print(f"\r{line:70}", end="\n" if end else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
