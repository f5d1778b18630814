"""The on-sale for Locust: `locust -f loadtest/locustfile.py`, with its web page or headless; `make load` too.

Whoever starts the test (the only process, or the master) creates the sale and tells the workers. Each
process records what its users saw; the users themselves are in `behaviours`.
"""

from __future__ import annotations

import itertools
import random
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import AsyncResult
from locust import FastHttpUser, LoadTestShape, events, task
from locust.contrib.fasthttp import ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from loadtest.behaviours import OnSale, Pause, Person, Script
from loadtest.endpoints import NoServer, Server, find_or_take, refuse_far_hosts
from loadtest.exchange import Reply, Request, call_of
from loadtest.record import INTERRUPTED, NO_REPLY, Recorder, now_us
from loadtest.sale import create_sale
from loadtest.shapes import SHAPES, opens_after_s

SALE_KNOWN_WITHIN_S = 90.0
CONNECT_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 30.0
"""Longer than any deadline of the server: a reply that has not come by then will not come."""
WITNESSES = 4
SALE_MESSAGE = "sale"
EXIT_NO_SALE = 2
EXIT_USER_FAILED = 3


class Run:
    """What the users of one process share during one run."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.known: AsyncResult[OnSale] = AsyncResult()
        self.numbers = itertools.count()
        self.seed = 0

    def begin(self, options: Namespace, role: str) -> Recorder:
        kept = Path(options.data) / "reports" / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S") / "records"
        self.recorder = Recorder(Path(options.records) if options.records else kept, role)
        self.seed = options.seed
        return self.recorder

    def end(self) -> None:
        """A worker may hear of the next sale before it begins, so it is forgotten here and not there."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder, self.known = None, AsyncResult()


run = Run()


# --- options, and how a run begins and ends -------------------------------------------------------


def add_options(parser: ArgumentParser, **_: Any) -> None:
    group = parser.add_argument_group("Turnstile's on-sale")
    add = group.add_argument
    add("--data", default=".turnstile", help="data folder of the running server")
    add(
        "--duration", type=int, default=60, help="seconds from the sale's creation on; or Locust's --run-time"
    )
    add("--capacity", type=int, default=5_000, help="tickets on sale")
    add("--hold-duration", type=int, default=15, help="seconds a hold lasts")
    add("--shape", choices=sorted(SHAPES), default="on-sale", help="how many users there are when")
    add("--seed", type=int, default=1, help="of what the users do; what the server does is not repeatable")
    add(
        "--records",
        default="",
        help="folder for what clients see; default: DATA/reports/<time>/records",
    )
    add("--allow-host", action="append", default=[], help="a host that may be loaded beside this machine")
    add(
        "--admin-token",
        default="",
        env_var="TURNSTILE_ADMIN_TOKEN",
        help="operator's token for a --host whose data folder is not here",
    )


def find_the_server(environment: Environment, **_: Any) -> None:
    """The host comes from the data folder unless given; any that is not this machine's is refused."""
    options = options_of(environment)
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message(SALE_MESSAGE, hear_of_sale)
    try:
        server_of(environment, options)
    except NoServer as problem:
        sys.exit(f"load: {problem}")


def server_of(environment: Environment, options: Namespace) -> Server:
    """Asked again when a test starts: Locust's page lets its user change the host."""
    found = find_or_take(Path(options.data), environment.host or "", options.admin_token)
    environment.host = environment.host or found.http
    refuse_far_hosts(environment.host, options.allow_host)
    return msgspec.structs.replace(found, http=environment.host.rstrip("/"))


def begin(environment: Environment, **_: Any) -> None:
    options, runner = options_of(environment), environment.runner
    assert runner is not None
    worker = isinstance(runner, WorkerRunner)
    recorder = run.begin(options, "worker" if worker else "main")
    if worker:
        return
    try:
        sale = make_sale(server_of(environment, options), options, recorder)
    except NoServer as problem:
        print(f"load: {problem}", file=sys.stderr, flush=True)
        environment.process_exit_code = EXIT_NO_SALE
        run.known.set_exception(problem)
        gevent.spawn_later(0.1, runner.quit)
        return
    if environment.shape_class is not None:
        environment.shape_class.reset_time()  # type: ignore[no-untyped-call]
    run.known.set(sale)
    if isinstance(runner, MasterRunner):
        runner.send_message(SALE_MESSAGE, msgspec.to_builtins(sale))


def make_sale(server: Server, options: Namespace, recorder: Recorder) -> OnSale:
    after_s = opens_after_s(options.shape, options.run_time or options.duration)
    return create_sale(server, options.capacity, after_s, options.hold_duration, recorder)


def hear_of_sale(environment: Environment, msg: Any, **_: Any) -> None:
    run.known.set(msgspec.convert(msg.data, OnSale))


def finish(environment: Environment, **_: Any) -> None:
    if run.recorder is not None and not isinstance(environment.runner, WorkerRunner):
        print(what_to_do_with(run.recorder.path.parent, environment), flush=True)
    run.end()


def what_to_do_with(records: Path, environment: Environment) -> str:
    try:
        audited = server_of(environment, options_of(environment)).database_url
    except NoServer:
        audited = ""
    if audited:
        return f"to audit it: python -m loadtest.auditor --records {records}"
    return f"not audited: the database cannot be read from here; what clients saw is in {records}"


def say_what_failed(environment: Environment, **_: Any) -> None:
    """A user that fails is a bug of this file, and no audit makes up for what it did not record."""
    runner = environment.runner
    if runner is None or isinstance(runner, WorkerRunner):
        return
    for failed in runner.exceptions.values():
        environment.process_exit_code = EXIT_USER_FAILED
        print(f"load: {failed['count']} users failed: {failed['msg']}", file=sys.stderr, flush=True)


def options_of(environment: Environment) -> Namespace:
    options = environment.parsed_options
    assert isinstance(options, Namespace)
    return options


for event, listener in (
    (events.init_command_line_parser, add_options),
    (events.init, find_the_server),
    (events.test_start, begin),
    (events.test_stop, finish),
    (events.quitting, say_what_failed),
):
    event.add_listener(listener)  # type: ignore[no-untyped-call]


class SaleShape(LoadTestShape):
    """The shape that `--shape` names, with Locust's own users, spawn rate and run time."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        options = options_of(self.runner.environment)
        users, rate = options.num_users or 100, options.spawn_rate or 10.0
        at_s = float(self.get_run_time())  # type: ignore[no-untyped-call]
        return SHAPES[options.shape](at_s, users, rate, options.run_time or options.duration)


# --- users ----------------------------------------------------------------------------------------


class Client(FastHttpUser):
    """Sends what its person wants to send, and records each request however it ends."""

    abstract = True
    connection_timeout = CONNECT_TIMEOUT_S
    network_timeout = REPLY_TIMEOUT_S
    max_retries = 0

    def on_start(self) -> None:
        try:
            sale = run.known.get(timeout=SALE_KNOWN_WITHIN_S)
        except (NoServer, gevent.Timeout):
            raise StopUser from None
        assert run.recorder is not None
        name = f"{run.recorder.path.stem}-{next(run.numbers)}"
        self.recorder = run.recorder
        self.person = Person(name, sale, random.Random(f"{run.seed} {name}"))

    def play(self, script: Script[None]) -> None:
        """Drive one behaviour to its end."""
        try:
            step = next(script)
            while True:
                if isinstance(step, Pause):
                    gevent.sleep(step.seconds)
                    step = next(script)
                else:
                    step = script.send(self._send(step))
        except StopIteration:
            return

    def _send(self, request: Request) -> Reply:
        sent_us = now_us()
        reply = Reply(NO_REPLY, sent_us, sent_us, failure=INTERRUPTED)
        try:
            with self.client.request(
                request.method,
                request.path,
                name=request.op,
                data=request.body.decode() or None,
                headers=request.headers,
                catch_response=True,
            ) as response:
                reply = _reply(response, sent_us)
                if reply.status in (0, 500, 502, 504):
                    response.failure(f"{reply.status} {reply.failure}")
                else:
                    response.success()
        finally:
            self._record(request, reply)
        return reply

    def _record(self, request: Request, reply: Reply) -> None:
        """Also when this user is stopped in the middle: what it asked for may still happen."""
        if reply.failure == INTERRUPTED:
            reply = Reply(NO_REPLY, reply.sent_us, now_us(), failure=INTERRUPTED)
        self.recorder.write(call_of(self.person.name, request, reply))


def _reply(response: ResponseContextManager, sent_us: int) -> Reply:
    """An error of the connection comes as a response with status 0 and no headers."""
    error = getattr(response, "error", None)
    failure = type(error).__name__ if error is not None and not response.status_code else ""
    after = response.headers.get("Retry-After", "") if response.headers else ""
    return Reply(response.status_code, sent_us, now_us(), bytes(response.content or b""), str(after), failure)


class Buyer(Client):
    weight = 5

    @task
    def buy(self) -> None:
        self.play(self.person.buy())


class Browser(Client):
    weight = 1

    @task
    def look(self) -> None:
        self.play(self.person.look())


class Witness(Client):
    fixed_count = WITNESSES

    @task
    def fight(self) -> None:
        self.play(self.person.witness())
