"""A load run for Locust: `locust -f loadtest/locustfile.py`, with its web page or headless; `make load` too.

Whoever starts the test (the only process, or the master) makes what is offered and tells the workers. Each
process records what its users saw; the users themselves are in `users`.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import msgspec
from locust import LoadTestShape, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.endpoints import NoServer, Server, find_or_take, refuse_far_hosts
from loadtest.mix import MIX_HELP, ONLY_TICKETS, WrongMix, parse_mix
from loadtest.offers import Offers, Sizes, make_offers
from loadtest.record import Recorder
from loadtest.shapes import SHAPES, opens_after_s
from loadtest.users import (
    Buyer,
    Guest,
    Idler,
    Member,
    SeatBuyer,
    SeatWitness,
    Staff,
    TableWitness,
    Watcher,
    Witness,
    choose,
    run,
)

__all__ = [
    "Buyer",
    "Guest",
    "Idler",
    "Member",
    "SeatBuyer",
    "SeatWitness",
    "Staff",
    "TableWitness",
    "Watcher",
    "Witness",
]

OFFERS_MESSAGE = "offers"
EXIT_NO_OFFERS = 2
EXIT_USER_FAILED = 3


# --- options, and how a run begins and ends -------------------------------------------------------


def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    """Those that may change from one run to the next are fields of Locust's page too."""
    add = parser.add_argument
    add("--data", default=".turnstile", help="data folder of the running server", include_in_web_ui=False)
    add("--mix", type=str, default=ONLY_TICKETS, help=MIX_HELP)
    add("--shape", choices=sorted(SHAPES), default="on-sale", help="how many users there are when")
    add("--duration", type=int, default=60, help="seconds from the start on; or Locust's --run-time")
    add("--capacity", type=int, default=5_000, help="tickets on sale")
    add("--seats", type=int, default=2_000, help="seats on sale, where the mix has seats")
    add("--tables", type=int, default=60, help="tables of the restaurant, where the mix has tables")
    add("--places", type=int, default=100, help="places of each of the sessions, where the mix has them")
    add("--hold-duration", type=int, default=15, help="seconds a hold lasts")
    add("--seed", type=int, default=1, help="of what the users do; what the server does is not repeatable")
    add(
        "--records",
        default="",
        help="folder for what clients see; default: DATA/reports/<time>/records",
        include_in_web_ui=False,
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        help="a host that may be loaded beside this machine",
        include_in_web_ui=False,
    )
    add(
        "--admin-token",
        default="",
        env_var="TURNSTILE_ADMIN_TOKEN",
        help="operator's token for a --host whose data folder is not here",
        include_in_web_ui=False,
    )


def find_the_server(environment: Environment, **_: Any) -> None:
    """The host comes from the data folder unless given; any that is not this machine's is refused."""
    options = options_of(environment)
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message(OFFERS_MESSAGE, hear_of_offers)
    try:
        parse_mix(options.mix)
        server_of(environment, options)
    except (NoServer, WrongMix) as problem:
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
    try:
        server = server_of(environment, options)
        recorder = run.begin(options, "worker" if worker else "main", server.admin_token)
        if worker:
            return
        offers = make(server, environment, recorder)
    except (NoServer, WrongMix) as problem:
        print(f"load: {problem}", file=sys.stderr, flush=True)
        environment.process_exit_code = EXIT_NO_OFFERS
        run.known.set_exception(problem)
        gevent.spawn_later(0.1, runner.stop if environment.web_ui else runner.quit)
        return
    if environment.shape_class is not None:
        environment.shape_class.reset_time()  # type: ignore[no-untyped-call]
    run.known.set(offers)
    if isinstance(runner, MasterRunner):
        runner.send_message(OFFERS_MESSAGE, msgspec.to_builtins(offers))


def make(server: Server, environment: Environment, recorder: Recorder) -> Offers:
    """What the mix has. Raises `NoServer`, `WrongMix`."""
    options = options_of(environment)
    mix = parse_mix(options.mix)
    after_s = opens_after_s(options.shape, options.run_time or options.duration)
    sizes = Sizes(options.capacity, options.seats, options.tables, options.places, options.hold_duration)
    return make_offers(server, mix, sizes, after_s, recorder)


def hear_of_offers(environment: Environment, msg: Any, **_: Any) -> None:
    run.known.set(msgspec.convert(msg.data, Offers))


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
        with suppress(WrongMix):  # which `begin` says
            # A master plans its users before it tells of the test's start, so they are chosen here.
            self.runner.environment.user_classes[:] = choose(parse_mix(options.mix))
        users, rate = options.num_users or 100, options.spawn_rate or 10.0
        at_s = float(self.get_run_time())  # type: ignore[no-untyped-call]
        return SHAPES[options.shape](at_s, users, rate, options.run_time or options.duration)
