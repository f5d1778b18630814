"""The settings: one list, told three times (fields, help, example file), and wrong values named in one
line.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server import cli
from server.settings import Settings, WrongSettings, load_settings, variable_of
from server.settings_listing import env_example, listed_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside: neither from the environment nor from a .env file."""
    for name in list(os.environ):
        if name.startswith("TURNSTILE_") or name in ("DATABASE_URL", "REDIS_URL", "RAY_ADDRESS"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["turnstile", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_every_setting_has_a_description() -> None:
    assert all(one.description for one in listed_settings())
    assert len(listed_settings()) == len(Settings.model_fields)


def test_every_setting_is_in_the_help_with_its_default() -> None:
    text = CliRunner().invoke(cli.cli, ["serve", "--help"]).output
    for one in listed_settings():
        assert f"{one.variable}={one.default}\n" in text


def test_the_example_file_is_what_the_settings_make_of_it() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(), "run `make env-example`"


def test_the_values_in_the_example_file_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        line.removeprefix("#") for line in env_example().splitlines() if line.startswith("#") and "=" in line
    ]
    for line in lines:
        name, _, value = line.partition("=")
        if name.isupper():
            monkeypatch.setenv(name, value)
    assert load_settings() == Settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_only_this_machine_is_let_in_with_a_token_that_was_made_here(host: str) -> None:
    assert load_settings(host=host).admin_token is None
    given = load_settings(host="192.0.2.1", admin_token="x" * 16)
    assert given.admin_token is not None
    with pytest.raises(WrongSettings, match=r"TURNSTILE_HOST is no loopback address.*TURNSTILE_ADMIN_TOKEN"):
        load_settings(host="192.0.2.1")


@pytest.mark.parametrize(
    "field", [n for n, f in Settings.model_fields.items() if f.annotation in (int, float, int | None)]
)
def test_a_number_is_taken_at_its_bounds_and_refused_beyond_them(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Settings.model_fields[field].metadata
    low = next(mark.ge for mark in marks if hasattr(mark, "ge"))
    high = next(mark.le for mark in marks if hasattr(mark, "le"))
    related = {
        "mailbox_max_commands": {"batch_max_commands": 1},
        "batch_max_commands": {"mailbox_max_commands": 10**6},
        "connections_max": {"streams_max": 1},
        "streams_max": {"connections_max": 10**6},
    }
    for value in (low, high):
        assert getattr(load_settings(**{**related.get(field, {}), field: value}), field) == value
    for value in (low - 1, high + 1):
        monkeypatch.setenv(variable_of(field), str(value))
        with pytest.raises(WrongSettings, match=variable_of(field)):
            load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TURNSTILE_HOST", "192.0.2.1"),
        ("TURNSTILE_HOST", "::"),
        ("TURNSTILE_HOST", "tickets.example"),
        ("TURNSTILE_PORT", "eighty"),
        ("TURNSTILE_PORT", "65536"),
        ("TURNSTILE_WORKERS", "0"),
        ("TURNSTILE_LOG_LEVEL", "loud"),
        ("TURNSTILE_ADMIN_TOKEN", "short"),
        ("TURNSTILE_PROT", "8080"),
        ("DATABASE_URL", "mysql://root:hidden@localhost/x"),
        ("REDIS_URL", "localhost:hidden"),
        ("DATABASE_URL", "postgresql://hidden:abc/x"),
        ("DATABASE_URL", "postgresql://user:hidden@localhost:65536/x"),
        ("DATABASE_URL", "postgresql://[hidden/x"),
        ("REDIS_URL", "redis://:hidden@localhost:0/0"),
        ("RAY_ADDRESS", "auto"),
        ("RAY_ADDRESS", "localhost:65536"),
        ("RAY_ADDRESS", "localhost:0"),
        ("RAY_ADDRESS", "localhost:²"),
        ("TURNSTILE_ADMIN_TOKEN", " " * 20),
        ("TURNSTILE_ADMIN_TOKEN", "a hidden token with spaces"),
        ("TURNSTILE_ADMIN_TOKEN", "hidden-tökén-0123456789"),
        ("TURNSTILE_CORS_ORIGINS", "shop"),
        ("TURNSTILE_CORS_ORIGINS", "https://shop.example, ftp://shop.example"),
        ("TURNSTILE_CORS_ORIGINS", "https://shop.example/page"),
        ("TURNSTILE_TRUSTED_PROXIES", "foo"),
        ("TURNSTILE_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.0/33"),
        ("TURNSTILE_BATCH_MAX_COMMANDS", "30000"),
    ],
)
def test_a_wrong_value_ends_with_one_line_naming_the_variable_and_exit_code_2(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert _run(monkeypatch, "serve") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert variable in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgresql://user:pass@db.example:65535/x"),
        ("REDIS_URL", "rediss://[::1]:1/0"),
        ("RAY_ADDRESS", "head:65535"),
        ("TURNSTILE_ADMIN_TOKEN", "!~0123456789abcd"),
        ("TURNSTILE_CORS_ORIGINS", "*"),
        ("TURNSTILE_CORS_ORIGINS", "http://localhost:3000,https://shop.example/"),
        ("TURNSTILE_TRUSTED_PROXIES", "10.0.0.1/8,::1"),
    ],
)
def test_a_value_just_within_is_taken(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    load_settings()


def test_a_misspelt_name_in_a_dot_env_file_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TURNSTILE_PROT=1\nPOSTGRES_PASSWORD=another's\n")
    with pytest.raises(
        WrongSettings, match=r"TURNSTILE_PROT: no such setting; did you mean TURNSTILE_PORT\?"
    ):
        load_settings()


def test_a_dot_env_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"TURNSTILE_PORT=\xff\n")
    with pytest.raises(WrongSettings, match=r"\.env cannot be read"):
        load_settings()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNSTILE_CORS_ORIGINS", "https://a.example, https://b.example")
    assert load_settings().cors_origins == ("https://a.example", "https://b.example")


def test_a_dot_env_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("TURNSTILE_PORT=1234\nTURNSTILE_TIMERS=3\n")
    monkeypatch.setenv("TURNSTILE_PORT", "4321")
    assert (load_settings().port, load_settings().timers) == (4321, 3)


@pytest.mark.skipif(find_spec("stripe") is not None, reason="Stripe's library is there")
def test_stripes_key_without_its_library_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURNSTILE_STRIPE_SECRET_KEY", "sk_test_12345678")
    with pytest.raises(WrongSettings, match="make stripe") as refused:
        load_settings()
    assert "sk_test" not in str(refused.value)


def test_the_environment_is_read_in_one_file() -> None:
    packages = ("domain", "persistence", "actors", "server")
    reading = [
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if "os.environ" in (text := path.read_text()) or "getenv(" in text
    ]
    assert reading == ["server/settings.py"]
