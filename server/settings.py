"""Every setting, its default and its bounds: the only file that reads the environment.

A setting is one field of `Settings`; `turnstile serve --help` and `.env.example` are made from the fields
(`server/settings_listing.py`; after a change: `make env-example`). A name ends in its unit. Variables are
`TURNSTILE_` + the field's name in capitals, but for the three names every tool knows: DATABASE_URL,
REDIS_URL and RAY_ADDRESS. A `.env` file in the working directory is read too; the environment wins over it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.settings_values import (
    check_head,
    check_mail_server,
    check_network,
    check_origin,
    check_public_url,
    check_sender,
    check_token,
    check_url,
    is_loopback,
)

PREFIX = "TURNSTILE_"
DOT_ENV = ".env"
SettingsProblem = ValueError
OPEN_WITHOUT_SECRET = (
    f"is no loopback address, so {PREFIX}ADMIN_TOKEN has to be given: random, of at least 16 characters"
)


def _shared_name(variable: str, field: str) -> AliasChoices:
    """A variable without our prefix; the field's own name stays usable in Python."""
    return AliasChoices(variable, field)


class Settings(BaseSettings):
    """What can be set. Immutable; one per process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOT_ENV,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_ignore_empty=True,
    )

    # -- where
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address the HTTP port is bound to; any but a loopback address needs"
        " TURNSTILE_ADMIN_TOKEN",
    )
    port: int = Field(8080, ge=0, le=65535, description="HTTP port; 0 picks a free one")
    data: Path = Field(
        Path(".turnstile"),
        description="folder of the embedded servers' data, the logs and the generated secrets",
    )
    admin_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="operator's bearer token; unset, on a loopback address: one is made and kept in the data"
        " folder",
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="front-end processes on the one port. One by default: it fills a core, and the owners,"
        " PostgreSQL and the client need the others; on four cores and more set about half of them",
    )
    dashboard: bool = Field(
        True, description="Ray's dashboard, with an embedded Ray; false: without, if every cycle counts"
    )
    dashboard_port: int = Field(
        8265,
        ge=0,
        le=65535,
        description="port of Ray's dashboard; 0 picks a free one, as does a taken 8265 if unset",
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias=_shared_name("DATABASE_URL", "database_url"),
        description="postgresql://user:password@host:port/name; unset: an embedded PostgreSQL",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=_shared_name("REDIS_URL", "redis_url"),
        description="redis://:password@host:port/0; unset: an embedded Valkey",
    )
    ray_address: str | None = Field(
        None,
        validation_alias=_shared_name("RAY_ADDRESS", "ray_address"),
        description="host:port of a running Ray cluster's head; unset: an embedded one",
    )

    # -- HTTP
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call the API, comma-separated (https://shop.example); none"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks whose X-Forwarded-For is believed, comma-separated; none"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged"
    )
    log_sample_rate: float = Field(
        0.001,
        ge=0,
        le=1,
        description="share of requests in the access log; of 5xx answers each, up to 50 a second, as warning"
        " (503) or error (500)",
    )
    connections_max: int = Field(
        10_000, ge=1, le=1_000_000, description="connections of one front end; one more is refused"
    )
    streams_max: int = Field(
        5_000,
        ge=0,
        le=1_000_000,
        description="connections of one front end that may watch an event live; one more is refused",
    )
    body_max_bytes: int = Field(65_536, ge=1_024, le=16_777_216, description="largest request body")
    body_timeout_s: float = Field(
        10,
        ge=0.1,
        le=300,
        description="a request whose head or body is not complete by then is ended, and so is a connection on"
        " which for so long nothing of an answer was taken",
    )
    keepalive_timeout_s: float = Field(
        75, ge=1, le=3_600, description="an idle connection is closed after it"
    )
    drain_timeout_s: float = Field(
        20, ge=0, le=600, description="how long requests under way may take at a stop"
    )

    # -- accounts
    password_threads: int = Field(
        2,
        ge=1,
        le=64,
        description="passwords that one front end checks at a time; each takes about 0.1 s and 64 MiB",
    )
    password_queue_max: int = Field(
        32, ge=0, le=10_000, description="passwords that wait to be checked; one more is refused"
    )

    # -- limits: by the account that is signed in, or by the client's address; 0: none
    limit_requests_per_s: int = Field(
        0, ge=0, le=1_000_000, description="requests of one client a second, of whatever kind; 0: no limit"
    )
    limit_reservations_per_minute: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="reservations that one client may ask for in a minute; 0: no limit",
    )
    limit_holds_per_account: int = Field(
        20,
        ge=0,
        le=1_000,
        description="reservations that one account may hold, or be paying for, at a time; 0: no limit",
    )
    limit_holds_per_address: int = Field(
        0,
        ge=0,
        le=1_000,
        description="the same for one client's address, whoever asks from there; 0: no limit",
    )
    limit_log_ins_per_minute: int = Field(
        300,
        ge=0,
        le=1_000_000,
        description="log-ins and changes of a password one client may try in a minute; 0: no limit",
    )
    limit_log_ins_per_email_per_minute: int = Field(
        10, ge=0, le=1_000_000, description="the same, tried at one e-mail in a minute; 0: no limit"
    )
    limit_mails_per_hour: int = Field(
        1_000,
        ge=0,
        le=1_000_000,
        description="mails (registration, reset, recovery) one client may ask for in an hour; 0: no limit",
    )
    limit_mails_per_email_per_hour: int = Field(
        5, ge=0, le=1_000_000, description="of those, mails to one e-mail; 0: no limit"
    )

    # -- owners and gateway
    request_deadline_ms: int = Field(
        5_000, ge=100, le=60_000, description="a command not decided, or a read not done by then is refused"
    )
    ask_timeout_ms: int = Field(
        2_000, ge=100, le=60_000, description="an owner's call overdue by it is looked into"
    )
    mailbox_max_commands: int = Field(20_000, ge=1, le=1_000_000, description="commands waiting in one owner")
    batch_max_commands: int = Field(
        1_024,
        ge=1,
        le=65_536,
        description="commands in one commit; one call of a front end carries as many, but never over 400",
    )
    outbox_max_commands: int = Field(
        20_000, ge=1, le=1_000_000, description="commands of one front end waiting for one owner"
    )
    outbox_max_calls: int = Field(1, ge=1, le=16, description="calls of one front end under way to one owner")
    pool_owners: int = Field(
        4, ge=1, le=1_024, description="owners that share the events that are not dedicated"
    )
    dedicated_from_capacity: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="an event of so many tickets, a restaurant of so many seats or more is given an owner of"
        " its own, a process of about 130 MB, unless its making says otherwise; unset: capacity says nothing",
    )
    dedicated_from_crowd: int = Field(
        5_000,
        ge=1,
        le=10_000_000,
        description="the same by `expected_crowd`, the persons its operator expects to come at a time",
    )
    timers: int = Field(2, ge=1, le=64, description="expiry timer actors")
    payment_actors: int = Field(
        1, ge=1, le=64, description="actors that see payments through, processes of about 100 MB"
    )
    payment_duration_s: int = Field(
        600, ge=30, le=3_600, description="how long a hold waits for a payment that has begun"
    )
    hold_extensions_max: int = Field(1, ge=0, le=100, description="times one hold may be extended")
    passivate_after_s: int = Field(
        300, ge=1, le=86_400, description="an inventory idle for it, and with nothing due for it, rests"
    )
    clock_skew_max_ms: int = Field(
        500, ge=1, le=60_000, description="a process whose clock differs more from the store's refuses to own"
    )

    # -- payments
    stripe_secret_key: SecretStr | None = Field(
        None,
        min_length=8,
        description="Stripe's secret key (sk_...): cards are paid by Stripe, and no sandbox is there; needs"
        " its library (make stripe); unset: the sandbox, which moves no money",
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        min_length=8,
        description="what Stripe signs its webhooks with (whsec_...), sent to"
        " /api/v1/payments/webhooks/stripe; unset: none are taken, and payments are looked up each second",
    )
    stripe_url: str = Field("https://api.stripe.com", description="where Stripe is asked")

    # -- mail
    smtp_url: SecretStr | None = Field(
        None,
        description="smtp://user:password@host:port (STARTTLS where it is offered), or smtps:// (TLS from the"
        " beginning); unset: mails go to the folder `mail` in the data folder, and to the page /mail",
    )
    mail_from: str = Field(
        "Turnstile <turnstile@localhost.localdomain>", description="sender of all mails: Name <address>"
    )
    public_url: str | None = Field(
        None,
        description="what links in mails begin with, as customers reach this server: https://tickets.example;"
        " unset: http://, the host and the port",
    )
    mail_folder_max_letters: int = Field(
        1_000, ge=1, le=100_000, description="mails kept in the folder; older ones are removed"
    )

    # -- news: mails and webhooks
    news_actors: int = Field(
        1, ge=1, le=16, description="actors that send mails, each over one SMTP connection, and webhooks"
    )
    webhooks_local: bool = Field(
        False,
        description="webhooks may go to this machine, by http too: for tests and development",
    )

    # -- reads and retention
    read_queue_max_reads: int = Field(
        1_000, ge=1, le=100_000, description="reads of one front end waiting for PostgreSQL"
    )
    availability_publish_ms: int = Field(
        100, ge=1, le=10_000, description="least time between two published availabilities of one event"
    )
    availability_max_age_ms: int = Field(
        2_000, ge=100, le=60_000, description="a copy older than it is not served"
    )
    submissions_pending_max: int = Field(
        10_000, ge=1, le=1_000_000, description="reservations asked for behind the scenes that wait, in all"
    )
    submissions_pending_per_inventory_max: int = Field(
        2_000, ge=1, le=1_000_000, description="the same, of one event or restaurant"
    )
    submission_patience_s: int = Field(
        60, ge=1, le=3_600, description="a reservation asked for behind the scenes is given up after it"
    )
    requests_retention_h: int = Field(
        24, ge=24, le=8_760, description="how long an Idempotency-Key is remembered"
    )

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("database_url", "redis_url")
    @classmethod
    def _known_scheme(cls, value: SecretStr | None, info: Any) -> SecretStr | None:
        if value is not None:
            schemes = ("postgresql",) if info.field_name == "database_url" else ("redis", "rediss")
            check_url(value.get_secret_value(), schemes)
        return value

    @field_validator("ray_address")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            check_head(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_mail_server(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _address(cls, value: str) -> str:
        check_sender(value)
        return value

    @field_validator("public_url", "stripe_url")
    @classmethod
    def _address_of_ours(cls, value: str | None) -> str | None:
        if value is not None:
            check_public_url(value)
        return value

    @field_validator("admin_token", "stripe_secret_key", "stripe_webhook_secret")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_token(value.get_secret_value())
        return value

    @field_validator("cors_origins", "trusted_proxies")
    @classmethod
    def _each(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        for one in value:
            check_origin(one) if info.field_name == "cors_origins" else check_network(one)
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.batch_max_commands > self.mailbox_max_commands:
            raise SettingsProblem(f"{PREFIX}BATCH_MAX_COMMANDS must not be over {PREFIX}MAILBOX_MAX_COMMANDS")
        if self.stripe_secret_key is not None and find_spec("stripe") is None:
            raise SettingsProblem(f"{PREFIX}STRIPE_SECRET_KEY needs the library stripe: make stripe")
        if self.admin_token is None and not is_loopback(self.host):
            raise SettingsProblem(f"{PREFIX}HOST {OPEN_WITHOUT_SECRET}")
        if self.streams_max > self.connections_max:
            raise SettingsProblem(f"{PREFIX}STREAMS_MAX must not be over {PREFIX}CONNECTIONS_MAX")
        return self


class WrongSettings(Exception):
    """A setting that cannot be used; the message names the variable and fits one line."""


def variable_of(field: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + field.upper()


def load_settings(**given: Any) -> Settings:
    """Settings from the environment, `given` (Python names) before it. Raises WrongSettings."""
    _refuse_unknown()
    try:
        return Settings(**given)
    except ValidationError as error:
        raise WrongSettings(_one_line(error)) from None


def environment_for_child(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`: what a child process is started with."""
    return {**os.environ, **changes}


def _refuse_unknown() -> None:
    """A misspelt variable would be silently without effect, so it is an error."""
    known = {variable_of(field) for field in Settings.model_fields}
    for name in sorted({*os.environ, *_names_in_dot_env()}):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            raise WrongSettings(f"{name}: no such setting" + (f"; did you mean {near[0]}?" if near else ""))


def _names_in_dot_env() -> set[str]:
    """In capitals, as they are taken whatever their case."""
    try:
        return {name.upper() for name in dotenv_values(DOT_ENV)}
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{DOT_ENV} cannot be read: {error}") from None


def _one_line(error: ValidationError) -> str:
    """The first problem, with its variable's name, without the value: it may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    what = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return what
    name = str(first["loc"][0])
    return f"{variable_of(name) if name in Settings.model_fields else name}: {what[:1].lower()}{what[1:]}"
