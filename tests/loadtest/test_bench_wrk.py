"""wrk: its command line, and reading what it says at the end."""

import shutil
import subprocess
from pathlib import Path

import pytest

from loadtest.bench import replay, wrk
from loadtest.bench.measure import trouble_of

OUTPUT = """Running 2s test @ http://127.0.0.1:8080
  1 threads and 64 connections
  2000 requests in 2.00s, 1.2MB read
RESULT {"requests":2000,"duration_us":2000000,"p50_us":1500,"p99_us":9000,"max_us":12000,"refused":3,\
"failed":0,"created":10,"confirmed":7}
"""


def test_the_result_line_is_found_among_what_wrk_prints_itself() -> None:
    result = wrk.parse(OUTPUT)
    assert (result.requests, result.seconds, result.p99_us, result.confirmed) == (2000, 2.0, 9000, 7)


def test_output_without_a_result_is_an_error_that_shows_it() -> None:
    with pytest.raises(wrk.WrkFailed, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_missing_wrk_is_one_line_that_names_the_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(wrk.WrkMissing, match=r"apt-get install wrk") as raised:
        wrk.executable()
    assert "\n" not in str(raised.value)


def test_sold_out_expects_refusals_and_holds_expect_none() -> None:
    result = wrk.parse(OUTPUT)
    assert trouble_of("hold", result) == "3 of 2000 replies of the wrong kind"
    assert trouble_of("sold out", result) == "1997 of 2000 replies of the wrong kind"


def test_the_load_script_is_valid_lua_for_every_mode(tmp_path: Path) -> None:
    """wrk runs `init` before it connects, so a port where nobody listens is enough to load the script."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    requests = tmp_path / "requests"
    replay.write(requests, [replay.request(9, "GET", "/x")])
    for mode in ("hold", "keyed", "purchase", "read", "replay"):
        path = str(requests) if mode == "replay" else "/x"
        command = wrk.command("http://127.0.0.1:9", path, mode, "ga", 1, 1, 1)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert "lua" not in (ended.stdout + ended.stderr).lower()
        assert "unable to connect" in ended.stdout + ended.stderr
