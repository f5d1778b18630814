"""A seed is all there is to a scenario: the same in another process, whatever Python hashes strings to."""

import os
import subprocess
import sys


def replayed(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "-v"]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_seed_replays_exactly_in_another_process() -> None:
    first = replayed(42, "1")
    assert len(first.splitlines()) > 50
    assert replayed(42, "2") == first
