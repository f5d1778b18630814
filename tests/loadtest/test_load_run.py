"""Shapes, where the load may go, progress, and the report: all that a load run is besides its clients."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from loadtest.auditor.audit import Auditor, Records
from loadtest.endpoints import NoServer, Server, find_server, is_loopback, refuse_far_hosts
from loadtest.load import Options, command, load, master_words, worker_words
from loadtest.progress import Tail
from loadtest.record import Call, Dining, Recorder, Sitting
from loadtest.report import percentile, write_report
from loadtest.shapes import evening, on_sale, opens_after_s, steady, waves
from tests.loadtest.sound_sale import T0, SoundSale


def test_most_of_the_crowd_gathers_and_the_rest_comes_with_the_opening() -> None:
    opens_s = opens_after_s("on-sale", 60)
    before, after = on_sale(opens_s - 0.1, 100, 10, 60), on_sale(opens_s + 0.1, 100, 10, 60)
    assert before == (60, 6.0)
    assert after == (100, 100.0)


def test_in_the_last_quarter_half_of_the_crowd_has_gone_and_then_it_ends() -> None:
    assert on_sale(50, 100, 10, 60) == (50, 10)
    assert on_sale(60, 100, 10, 60) is None


def test_a_steady_load_is_the_same_all_the_time() -> None:
    assert {steady(at_s, 100, 10, 60) for at_s in range(60)} == {(100, 10)}
    assert steady(60, 100, 10, 60) is None


def test_an_evening_rises_has_a_height_and_falls() -> None:
    users = [tick[0] for at_s in range(60) if (tick := evening(at_s, 100, 10, 60))]
    height = users.index(100)
    assert users[:height] == sorted(users[:height])
    assert users[-height:] == sorted(users[-height:], reverse=True)
    assert (users[0], users[30], len(users)) == (20, 100, 60)


def test_waves_come_and_go_three_times() -> None:
    users = [tick[0] for at_s in range(60) if (tick := waves(at_s, 100, 10, 60))]
    assert (min(users), max(users), len(users)) == (20, 100, 60)
    assert [users[at_s] for at_s in (10, 30, 50)] == [100] * 3
    assert [users[at_s] for at_s in (0, 20, 40)] == [20] * 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_may_be_loaded(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("url", ["http://example.org", "http://10.0.0.1:8080", "http://0.0.0.0", "nothing"])
def test_any_other_host_is_refused_unless_it_is_named(url: str) -> None:
    with pytest.raises(NoServer, match="not this machine"):
        refuse_far_hosts(url)
    refuse_far_hosts("http://staging.example.org:8080", ["staging.example.org"])


def test_without_a_server_one_clear_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="no server runs on"):
        find_server(tmp_path)
    (tmp_path / "endpoints.json").write_text("{")
    with pytest.raises(NoServer, match="cannot be read"):
        find_server(tmp_path)


@pytest.mark.parametrize("module", ["loadtest.load", "loadtest.auditor"])
def test_the_command_line_ends_with_2_where_no_server_runs(tmp_path: Path, module: str) -> None:
    command = [sys.executable, "-m", module, "--data", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "no server runs on" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("module", ["loadtest.load", "loadtest.auditor", "loadtest.faults"])
def test_the_command_line_explains_itself(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, timeout=60, check=True
    )
    assert b"Exit code" in ended.stdout


def test_no_secret_stands_on_locusts_command_line(tmp_path: Path) -> None:
    secrets = {
        "http": "http://127.0.0.1:1",
        "admin_token": "s3cr3t",
        "database_url": "postgresql://u:s3cr3t@h/d",
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(secrets))
    options = Options(10, 1.0, 10, 10, 10, "steady", 2, 1)
    words = command(find_server(tmp_path), tmp_path, options, tmp_path)
    assert "s3cr3t" not in " ".join(words)
    assert "--master" not in words


def test_several_workers_find_their_master_on_the_loopback() -> None:
    assert master_words(Options(10, 1.0, 10, 10, 10, "steady", 1, 1)) == []
    master = master_words(Options(10, 1.0, 10, 10, 10, "steady", 3, 1))
    assert master[master.index("--expect-workers") + 1] == "3"
    assert master[master.index("--master-bind-host") + 1] == "127.0.0.1"
    port = master[master.index("--master-bind-port") + 1]
    assert worker_words(master) == ["--worker", "--master-host", "127.0.0.1", "--master-port", port]


def test_the_mix_and_its_sizes_reach_locust(tmp_path: Path) -> None:
    options = Options(60, 1.0, 10, 10, 10, "waves", 1, 1, "seats=2,tables=1", 500, 20, 7)
    words = command(Server("http://127.0.0.1:1"), tmp_path, options, tmp_path)
    given = dict(pairwise(words))
    assert (given["--mix"], given["--shape"]) == ("seats=2,tables=1", "waves")
    assert (given["--seats"], given["--tables"], given["--places"]) == ("500", "20", "7")
    assert options.described == "60 clients (seats 2, tables 1), waves"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--mix", "trains=1"], "each once of tickets"),
        (["--mix", "browse=1"], "nothing to audit"),
        (["--mix", "tickets=1,seats=1", "--users", "19"], "at least 20, ten of each kind"),
        (["--shape", "square"], "one of evening, on-sale"),
    ],
)
def test_wrong_options_are_told_before_anything_is_looked_for(options: list[str], told: str) -> None:
    app = typer.Typer()
    app.command()(load)
    ended = CliRunner().invoke(app, options, env={"COLUMNS": "200"})
    assert ended.exit_code == 2
    assert told in " ".join(ended.output.split())


def test_users_are_those_of_the_mix_and_weighted_by_it() -> None:
    """In a process of its own: Locust's library changes sockets and threads for all that runs in it."""
    code = (
        "from loadtest.users import choose; from loadtest.mix import parse_mix;"
        " chosen = choose(parse_mix('tickets=3,seats=2'));"
        " print({user.__name__: user.fixed_count or user.weight for user in chosen})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    shown = "{'Buyer': 15, 'Watcher': 3, 'Witness': 4, 'SeatBuyer': 12, 'SeatWitness': 4}"
    assert ended.stdout.strip() == shown


def test_the_users_are_chosen_before_a_test_starts_for_a_master_plans_them_then() -> None:
    code = """
from argparse import Namespace
from loadtest.locustfile import SaleShape
from loadtest.users import USERS
from locust.env import Environment
options = Namespace(mix="seats=1", shape="steady", num_users=10, spawn_rate=1, run_time=None, duration=10)
shape = SaleShape()
environment = Environment(user_classes=list(USERS), shape_class=shape, parsed_options=options)
environment.create_local_runner()
shape.tick()
print(*[user.__name__ for user in environment.user_classes])
"""
    words = [sys.executable, "-c", code]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == ["SeatBuyer", "SeatWitness"]


def test_progress_follows_the_records_as_they_grow_and_waits_for_whole_lines(tmp_path: Path) -> None:
    sale, tail = SoundSale(), Tail(tmp_path)
    tail.look()
    assert tail.line() == "starting"
    with Recorder(tmp_path, "one") as recorder:
        recorder.write(sale.sale)
        for call in sale.calls:
            recorder.write(call)
    whole = recorder.path.read_bytes()
    recorder.path.write_bytes(whole[:-10])
    tail.look()
    assert tail.calls == len(sale.calls) - 1
    recorder.path.write_bytes(whole)
    tail.look()
    assert tail.calls == len(sale.calls)
    assert "6 hold 201" in tail.line()


def test_progress_knows_when_a_restaurant_opens_and_not_when_witnesses_may_begin(tmp_path: Path) -> None:
    opened = Dining("house", "The House", (), 120, 0, 900, 1_000_000)
    tail = Tail(tmp_path)
    with Recorder(tmp_path, "one") as recorder:
        recorder.write(replace(opened, witnessed=True))
    tail.look()
    assert tail.line() == "starting"
    with Recorder(tmp_path, "two") as recorder:
        recorder.write(opened)
    tail.look()
    assert tail.line().startswith("on sale for ")


def test_the_report_is_one_file_that_needs_no_other(tmp_path: Path) -> None:
    sale = SoundSale()
    records = Records([sale.sale, *sale.calls])
    verdict = Auditor(sale, records).run()
    write_report(tmp_path / "report.html", records, verdict, "10 <clients>")
    text = (tmp_path / "report.html").read_text()
    assert text.count("<svg") == 3
    assert "every invariant holds" in text
    assert "10 &lt;clients&gt;" in text
    assert "<script" not in text
    assert 'src="http' not in text


def test_the_report_shows_each_kind_that_there_was(tmp_path: Path) -> None:
    sale = SoundSale()
    at_us = T0 * 1000
    sitting = Sitting("confirmed", 0, ("t",), 1, 2, 2, 1)
    held = Call(
        "guest", "hold", "house", at_us, at_us + 9, 201, reservation="s", kind="tables", sitting=sitting
    )
    look = Call("idler", "list", "", at_us, at_us + 5, 200, kind="browse")
    records = Records([sale.sale, *sale.calls, held, look])
    verdict = Auditor(sale, records).run()
    write_report(tmp_path / "report.html", records, verdict, "a mix")
    text = (tmp_path / "report.html").read_text()
    assert [title in text for title in ("Tickets:", "Tables:", "Browsing", "Seats:", "Sessions")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert text.count("<svg") == 3 + 3 + 2
    assert "Latency of holds and confirmations" in text


def test_percentiles_are_measured_values() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], percent) for percent in (0, 50, 95, 100)] == [1.0, 2.0, 4.0, 4.0]
