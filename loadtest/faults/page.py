"""The outcome of a campaign: a table for the terminal, a page and JSON for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.faults.campaign import Group

HEADS = ("fault", "times", "longest time without a success: median", "max", "acknowledged", "verdict")


def show(groups: Sequence[Group], console: Console) -> None:
    """The table, and what the auditor found where it found something."""
    for group in groups:
        if not group.verdict.sound:
            group.verdict.show(console)
    table = Table(title="Faults", title_justify="left")
    for head in HEADS:
        table.add_column(head, justify="left" if head in ("fault", "verdict") else "right")
    for group in groups:
        table.add_row(*_cells(group), style=None if group.sound else "bold red")
    console.print(table)


def write(groups: Sequence[Group], machine: Mapping[str, str], command: str, folder: Path) -> None:
    """`faults.md` and `faults.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faults.md").write_text(_page(groups, machine, command), encoding="utf-8")
    found = {"machine": machine, "command": command, "groups": [_without_points(group) for group in groups]}
    (folder / "faults.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def _cells(group: Group) -> tuple[str, ...]:
    verdict = "sound" if group.verdict.sound else "NOT SOUND"
    if not group.in_time:
        verdict += f"; over {group.gap_max_allowed_s:.0f} s"
    gaps = (f"{group.median_gap_s:.2f} s", f"{group.longest_gap_s:.2f} s")
    return (group.title, str(len(group.struck)), *gaps, f"{group.acknowledged:,}", verdict)


def _without_points(group: Group) -> Group:
    """The curves of what was sold are not worth their bytes here."""
    inventories = [msgspec.structs.replace(one, points=[]) for one in group.verdict.inventories]
    return msgspec.structs.replace(
        group, verdict=msgspec.structs.replace(group.verdict, inventories=inventories)
    )


def _page(groups: Sequence[Group], machine: Mapping[str, str], command: str) -> str:
    lines = ["# Faults under load", "", _INTRODUCTION, "", f"`{command}`, {_today()}.", ""]
    lines += [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    lines += [f"| {' | '.join(_cells(group))} |" for group in groups]
    lines += ["", "## What the auditor looked at", "", *_checks(groups), "", "## Machine", ""]
    return "\n".join([*lines, "| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in machine.items()), ""])


def _checks(groups: Sequence[Group]) -> list[str]:
    """Sums over all groups."""
    lines = ["| invariant | check | looked at | failures |", "|---|---|---|---|"]
    for results in zip(*(group.verdict.results for group in groups), strict=True):
        looked_at, failures = sum(one.looked_at for one in results), sum(one.failures for one in results)
        first = results[0]
        lines.append(f"| {first.invariant} | {first.promise} | {looked_at:,} | {failures:,} |")
    return lines


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


_INTRODUCTION = """\
Made by `make faults`. Clients buy, churn and look without a pause while parts are killed (SIGKILL), stopped
(SIGSTOP, then SIGCONT), or, PostgreSQL, told to shut down immediately (SIGQUIT). After each group the
auditor folds the journal and holds rows and what clients recorded against it. The time without a success runs
from one acknowledged effect to the next, on the events concerned, as clients saw it."""
