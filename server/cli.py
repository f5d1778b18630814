"""The `turnstile` command. An error is one line on stderr and a non-zero exit code; a traceback is a bug."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from domain.mail import MailStatus
from server.cli_webhooks import webhooks
from server.operators_database import database_url
from server.settings import WrongSettings, load_settings
from server.settings_listing import env_example, help_text
from server.supervisor.data_folder import read_endpoints
from server.supervisor.failures import StartFailure

EXIT_FAILED = 1
EXIT_WRONG_SETTINGS = 2
EXIT_INTERRUPTED = 130
CONCURRENCY_DEFAULT, CONCURRENCY_MAX = 8, 64
SEED_MAX = 2**31 - 1
INVENTORIES_SHOWN = 2
INVENTORIES_SHOWN_MAX = 100
"""No owner names more of them; how many it has it always says."""
MAILS_SHOWN_MAX = 1_000

cli = typer.Typer(
    name="turnstile",
    help="Turnstile: a booking server. `turnstile serve` starts everything and says where it is.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Accounts.", no_args_is_help=True, rich_markup_mode=None)
keys = typer.Typer(help="Keys of access tokens.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(users, name="user")
cli.add_typer(keys, name="keys")
cli.add_typer(webhooks, name="webhook")
SETTINGS_HELP = (
    "\b\nSettings, from the environment (or a .env file), with their defaults:\n\n\b\n" + help_text()
)


def main() -> None:
    """Entry of the console script."""
    try:
        cli()
    except WrongSettings as problem:
        _fail(str(problem), EXIT_WRONG_SETTINGS)
    except StartFailure as failure:
        _fail(str(failure), EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _fail(message: str, code: int) -> None:
    print("turnstile: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"turnstile {version('turnstile')}")
        raise typer.Exit


@cli.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Turnstile: a booking server. `turnstile serve` starts everything and says where it is."""


@cli.command(epilog=SETTINGS_HELP)
def serve() -> None:
    """Start PostgreSQL, Valkey, Ray and the front ends, migrate, and serve until Ctrl-C or SIGTERM."""
    from server.supervisor.serve import serve as serve_until_stopped

    serve_until_stopped(load_settings())


@cli.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL, or of the server running on TURNSTILE_DATA, up to date."""
    from persistence.migrate import migrate as migrate_database

    url = database_url(load_settings())
    try:
        asyncio.run(migrate_database(url))
    except Exception as error:
        raise StartFailure(f"{type(error).__name__}: {error}".replace(url, "the database")) from error


@cli.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    limit: Annotated[
        int,
        typer.Option(
            min=0,
            max=INVENTORIES_SHOWN_MAX,
            help=f"Inventories to name of each owner; --json names {INVENTORIES_SHOWN_MAX}.",
        ),
    ] = INVENTORIES_SHOWN,
) -> None:
    """Say where the server's parts are and what its owners do; exit code 1 if a part does not answer."""
    from server.supervisor.status import look, owners, show, show_owners

    settings = load_settings()
    endpoints = read_endpoints(settings.data)
    if endpoints is None:
        raise StartFailure(f"no server runs on data folder {settings.data.absolute()} (TURNSTILE_DATA)")
    parts = asyncio.run(look(endpoints))
    said = asyncio.run(owners(endpoints))
    if as_json:
        shown = {"parts": [asdict(part) for part in parts], "owners": said, "pids": endpoints["pids"]}
        print(json.dumps(shown, indent=2))
    else:
        show(parts, endpoints, Console())
        show_owners(said, Console(), limit)
    if not all(part.answers for part in parts):
        sys.exit(EXIT_FAILED)


@cli.command()
def journal(
    before: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Export the days before this one (UTC).")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the files, one gzipped JSON Lines a day.")
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop each day once its file is safely written.")
    ] = False,
) -> None:
    """Show how large the journal is; with --before and --to, export old days, and drop them if told to."""
    from server.journal import export_journal, show_journal

    if (before is None) != (to is None):
        raise typer.BadParameter("--before and --to go together")
    if drop and before is None:
        raise typer.BadParameter("--drop goes with --before and --to")
    url = database_url(load_settings())
    if before is None or to is None:
        asyncio.run(show_journal(url, Console()))
    else:
        asyncio.run(export_journal(url, before.date(), to, drop, Console()))


@cli.command()
def demo(
    size: Annotated[
        Literal["small", "medium", "large"],
        typer.Option(help="How much: small is there in seconds, large takes minutes."),
    ] = "medium",
    seed: Annotated[
        int, typer.Option(min=0, max=SEED_MAX, help="Of the world: the same makes the same, once.")
    ] = 1,
    url: Annotated[str, typer.Option(help="The server, if not the one that runs on TURNSTILE_DATA.")] = "",
    concurrency: Annotated[
        int, typer.Option(min=1, max=CONCURRENCY_MAX, help="Requests under way at once.")
    ] = CONCURRENCY_DEFAULT,
) -> None:
    """Fill the running server with a world to look at: plays, concerts, a stadium's season, a street of
    restaurants, free sessions, all partly sold. Run again, it makes what is missing. Ctrl-C stops it."""
    from server.demo.command import run_demo

    if not run_demo(load_settings(), url, seed, size, concurrency, Console()):
        sys.exit(EXIT_INTERRUPTED)


@users.command("create")
def create_user(
    email: Annotated[str, typer.Option(help="Taken as confirmed.")],
    role: Annotated[
        Literal["customer", "staff", "organiser", "admin"], typer.Option(help="What it may do.")
    ] = "customer",
    name: Annotated[str, typer.Option(help="How to call whoever it is.")] = "Operator",
    language: Annotated[Literal["en", "es"], typer.Option(help="Of mails to it.")] = "en",
    organiser: Annotated[
        str | None, typer.Option(help="Id of the organiser that staff and organisers belong to.")
    ] = None,
) -> None:
    """Make an account. The password is asked for, or the first line of the standard input."""
    from domain.account import Role
    from server import users as making

    loaded = load_settings()
    url = database_url(loaded)
    wanted, password = making.checked(email, name, language, making.password_from_input())
    made = asyncio.run(making.create_user(loaded, url, wanted, password, Role(role), organiser))
    print(f"{made.role.value} {made.email}: account {made.id}")


@keys.command("rotate")
def rotate_keys() -> None:
    """Sign access tokens with a new key. What the old one signed serves until it runs out, 15 minutes."""
    from server.users import rotate_keys as rotate

    print(f"new key {asyncio.run(rotate(database_url(load_settings())))}: it signs within seconds")


mail_cli = typer.Typer(
    help="Mails: where they stand, and those that are dead sent again.", no_args_is_help=True
)
cli.add_typer(mail_cli, name="mail")


@mail_cli.command("list")
def mail_list(
    status: Annotated[MailStatus, typer.Option(help="Of which mails.")] = MailStatus.DEAD,
    limit: Annotated[int, typer.Option(min=1, max=MAILS_SHOWN_MAX, help="How many at most.")] = 50,
) -> None:
    """List mails, the oldest first."""
    from server.mail_command import list_mails

    asyncio.run(list_mails(database_url(load_settings()), status, limit, Console()))


@mail_cli.command("replay")
def mail_replay(
    mail_id: Annotated[str, typer.Argument(help="Of a dead mail.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All dead mails.")] = False,
) -> None:
    """Send a dead mail again, or all of them, each with all of its attempts before it."""
    from server.mail_command import replay_mails

    if bool(mail_id) == every:
        raise typer.BadParameter("either a mail's id or --all")
    asyncio.run(replay_mails(database_url(load_settings()), mail_id or None, Console()))


@cli.command()
def settings() -> None:
    """Print every setting with its default, as a .env file."""
    print(env_example(), end="")


if __name__ == "__main__":
    main()
