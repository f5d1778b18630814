"""Health, metrics and the access log."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from domain.event_messages import PlaceHold
from server.access_log import FAULTS_LOGGED_MAX_PER_S, AccessLog
from server.client_address import ClientAddress
from server.front_end import PARTS
from server.metrics import Metrics
from server.parts import Options
from tests.server.conftest import Api, Start


async def test_alive_and_ready(api: Api) -> None:
    assert (await api.get("/healthz")).json == {"status": "ok"}
    assert (await api.get("/readyz")).json == {"status": "ready"}


async def test_not_ready_names_the_failing_parts(api: Api) -> None:
    api.gateway.failing = ConnectionRefusedError("down")
    refused = await api.get("/readyz")
    assert (refused.status, refused.code) == (503, "unavailable")
    assert refused.json["failing"] == ["postgresql", "ray", "owners"]
    assert (await api.get("/healthz")).status == 200


async def test_a_part_that_hangs_is_not_ready(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await start(Options(ready_timeout_s=0.05))
    monkeypatch.setattr("tests.server.direct_gateway.DirectGateway.ready", _never)
    assert (await api.get("/readyz")).json["failing"] == ["owners"]


async def _never(_self: object) -> None:
    import asyncio

    await asyncio.Event().wait()


async def test_requests_and_commands_are_counted(api: Api) -> None:
    event_id = await api.new_event()
    for _ in range(3):
        await api.hold(event_id, quantity=4)
    await api.get("/nowhere")
    text = (await api.get("/metrics")).raw.decode()
    place = 'method="POST",route="/api/v1/events/{event_id}/reservations"'
    assert f'turnstile_http_requests_total{{{place},status="201"}} 2.0' in text
    assert f'turnstile_http_requests_total{{{place},status="423"}} 1.0' in text
    assert f"turnstile_http_request_seconds_count{{{place}}} 3.0" in text
    assert 'turnstile_commands_total{kind="PlaceHold",outcome="ok"} 2.0' in text
    assert 'turnstile_commands_total{kind="PlaceHold",outcome="held"} 1.0' in text
    assert 'route="unrouted",status="404"} 1.0' in text
    assert "turnstile_http_in_flight 1.0" in text
    assert event_id not in text


async def test_availability_age_is_shown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    event_id = await api.new_event()
    monkeypatch.setattr(
        "tests.server.direct_gateway.DirectReads.now_ms", lambda self: self.gateway.now_ms + 1500
    )
    await api.get(f"/api/v1/events/{event_id}/availability")
    assert "turnstile_availability_age_seconds 1.5" in (await api.get("/metrics")).raw.decode()


async def test_latencies_fall_into_cumulative_buckets() -> None:
    metrics = Metrics()
    stats = metrics.route("GET", "/x")
    stats.buckets[0], stats.buckets[3], stats.buckets[-1] = 5, 2, 1
    stats.by_status[200], stats.seconds = 8, 42.0
    text = metrics.exposition().decode()
    buckets = re.findall(r'_bucket{le="([^"]+)",method="GET",route="/x"} ([0-9.]+)', text)
    assert (buckets[0], buckets[3], buckets[-1]) == (("0.001", "5.0"), ("0.01", "7.0"), ("+Inf", "8.0"))
    assert 'turnstile_http_request_seconds_sum{method="GET",route="/x"} 42.0' in text


async def test_counts_are_flushed_a_second_after_the_first_request_only() -> None:
    metrics = Metrics()
    stats = metrics.route("GET", "/x")
    due = [metrics._flush_due]
    for _ in range(2):
        metrics.answered(stats, 200, 0.0)
        due.append(metrics._flush_due)
    metrics.flush()
    due.append(metrics._flush_due)
    assert due[0] is None
    assert due[1] is due[2] is not None
    assert due[3] is None


async def test_other_parts_join_in_before_a_flush(api: Api) -> None:
    metrics = api.app[PARTS].metrics
    metrics.before_flush.append(lambda: metrics.commanded(PlaceHold, None))
    assert 'kind="PlaceHold",outcome="ok"} 1.0' in (await api.get("/metrics")).raw.decode()


WORKER = """
import asyncio, sys
from server.metrics import Metrics
async def main():
    metrics = Metrics()
    stats = metrics.route("GET", "/x")
    metrics.answered(stats, 200, 0.0)
    metrics.in_flight = 5
    print(metrics.exposition().decode())
asyncio.run(main())
"""


def test_all_front_ends_are_summed_whoever_is_asked(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True, check=True
        )
        assert (
            f'turnstile_http_requests_total{{method="GET",route="/x",status="200"}} {count}.0' in done.stdout
        )
        # The ones before are gone, and with them what they had under way.
        assert "turnstile_http_in_flight 5.0" in done.stdout


def _line(log: AccessLog, status: int, headers: dict[str, str] | None = None) -> list[dict[str, object]]:
    request = make_mocked_request("GET", "/api/v1/events?secret=1", headers=headers or {})
    with structlog.testing.capture_logs() as lines:
        log.answered(request, "/api/v1/events", status, "id-1", 0.0)
    return [dict(line) for line in lines]


def test_faults_are_logged_always_and_the_rest_by_sample() -> None:
    none, everything = AccessLog(0.0, ()), AccessLog(1.0, ())
    assert _line(none, 200) == _line(none, 409) == []
    assert _line(none, 503)[0]["status"] == 503
    line = _line(everything, 200)[0]
    assert (line["method"], line["route"], line["path"]) == ("GET", "/api/v1/events", "/api/v1/events")
    assert line["request_id"] == "id-1"
    assert "secret" not in str(line)


def test_faults_are_logged_up_to_a_bound_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccessLog(0.0, ())
    monkeypatch.setattr("server.access_log.monotonic", lambda: 7.0)
    assert sum(len(_line(log, 503)) for _ in range(FAULTS_LOGGED_MAX_PER_S + 10)) == FAULTS_LOGGED_MAX_PER_S
    monkeypatch.setattr("server.access_log.monotonic", lambda: 8.0)
    assert len(_line(log, 503)) == 1


def test_a_fault_that_will_pass_is_a_warning_and_a_bug_an_error() -> None:
    everything = AccessLog(1.0, ())
    levels = {status: _line(everything, status)[0]["log_level"] for status in (200, 409, 503, 500)}
    assert levels == {200: "info", 409: "info", 503: "warning", 500: "error"}


async def test_what_was_raised_is_logged_once_of_a_bug_with_its_traceback(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}"
    for failure, status, said in (
        (ZeroDivisionError("why"), 500, "exc_info"),
        (OSError("why"), 503, "error"),
    ):
        api.gateway.failing = failure
        with structlog.testing.capture_logs() as lines:
            assert (await api.get(path)).status == status
        assert [(line["status"], {"exc_info", "error"} & set(line)) for line in lines] == [(status, {said})]
    assert lines[0]["error"] == "OSError('why')"


async def test_of_a_path_the_route_and_the_ids_are_logged_and_no_secret(start: Start) -> None:
    api = await start(Options(log_sample_rate=1.0))
    event_id = await api.new_event()
    paths = {
        f"/api/v1/events/{event_id}": f"/api/v1/events/{event_id}",
        "/api/v1/unsubscribe/c2VjcmV0": "/api/v1/unsubscribe/{token}",
        "/api/v1/unsubscribe/c2VjcmV0/": "unrouted",
        "/mistyped/c2VjcmV0": "unrouted",
    }
    with structlog.testing.capture_logs() as lines:
        for path in paths:
            await api.get(path)
        await api.ask("DELETE", "/api/v1/unsubscribe/c2VjcmV0")
    assert [line["path"] for line in lines] == [*paths.values(), "unrouted"]
    assert "c2VjcmV0" not in str(lines)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ((), "10.0.0.1", "6.6.6.6", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", "6.6.6.6", "6.6.6.6"),
        (("10.0.0.0/8",), "10.0.0.1", "1.1.1.1, 6.6.6.6, 10.0.0.2", "6.6.6.6"),
        (("10.0.0.0/8",), "7.7.7.7", "6.6.6.6", "7.7.7.7"),
        (("10.0.0.1",), "10.0.0.1", "nonsense", "10.0.0.1"),
        (("10.0.0.1",), "10.0.0.1", "", "10.0.0.1"),
        (("::1",), "::1", "2001:db8::1", "2001:db8::1"),
        (("10.0.0.0/8",), "10.0.0.1", "6.6.6.6\n10.0.0.2", "6.6.6.6"),
        (("10.0.0.0/8",), "10.0.0.1", "1.1.1.1\n6.6.6.6, 10.0.0.2", "6.6.6.6"),
    ],
)
def test_forwarded_addresses_count_from_trusted_proxies_only(
    trusted: tuple[str, ...], peer: str, forwarded: str, client: str
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded.split("\n")])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert ClientAddress(trusted).of(request) == client


LOGGER = """
import logging
import structlog
from server import logs
logs.configure("info")
structlog.get_logger("x").info("ours", request_id="r")
logging.getLogger("library").warning("theirs %s", 1)
structlog.get_logger("x").debug("too low")
secret = "do-not-show"
try:
    raise ValueError("why")
except ValueError as error:
    structlog.get_logger("x").error("failed", exc_info=error)
"""


def test_logs_are_json_lines_without_local_variables() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGER], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["ours", "theirs 1", "failed"]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert lines[0]["request_id"] == "r"
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert "ValueError: why" in lines[2]["exception"]
    assert "do-not-show" not in done.stderr
