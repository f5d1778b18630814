"""The report of a load run: one HTML file with everything in it, plots as SVG, no script, no other file."""

from __future__ import annotations

import html
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtest.auditor.audit import Records
from loadtest.auditor.verdict import Audited, Verdict
from loadtest.record import Call, Kind, Operation

WIDTH_IN, HEIGHT_IN = 9.0, 3.0
PERCENTILES = (50, 95, 99)
BUCKET_S = 1
LEGEND_POINTS = 7
COLOURS = [mpl.colormaps["tab20"](number) for number in range(20)]
"""As many as there may be answers in one plot."""
TITLES: dict[Kind, str] = {
    "tickets": "Tickets: an on-sale",
    "seats": "Seats: a rush",
    "tables": "Tables: a restaurant's evening",
    "sessions": "Sessions of a community",
    "browse": "Browsing",
}
READS: tuple[Operation, ...] = ("availability", "event", "read", "map", "list", "search")
TIMED: tuple[Operation, ...] = ("hold", "confirm")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733 }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
h3 { font-size: 1rem; margin: 1.2rem 0 0 }
table { border-collapse: collapse }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
th { border-bottom: 1px solid #9aa7b4 } td.n { text-align: right } svg { max-width: 100%; height: auto }
.ok { color: #14743c } .FAILED { color: #b3261e; font-weight: 600 } .nothing { color: #5c6b7a }
"""


def write_report(path: Path, records: Records, verdict: Verdict, what: str) -> None:
    """Makes the file."""
    calls = [call for calls in records.calls.values() for call in calls]
    start_us = min((call.sent_us for call in calls), default=0)
    span = Span(start_us, max((call.got_us for call in calls), default=start_us))
    kinds = [kind for kind in TITLES if any(call.kind == kind for call in calls)]
    parts = [_head(verdict, what, start_us)]
    for kind in kinds:
        own = [call for call in calls if call.kind == kind]
        parts += _of_kind(kind, own, records, verdict, span)
    parts += [_checks(verdict), _outcomes(verdict)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")


def _of_kind(
    kind: Kind, calls: Sequence[Call], records: Records, verdict: Verdict, span: Span
) -> Iterator[str]:
    """What clients of one kind did: answers, latency, and what became of what they wanted."""
    yield f"<h2>{TITLES[kind]}</h2><h3>Requests by answer</h3>"
    yield _svg(_rate, calls, span)
    timed = READS if kind == "browse" else TIMED
    yield f"<h3>Latency of {'reads' if kind == 'browse' else 'holds and confirmations'}</h3>"
    yield _svg(_latency, [call for call in calls if call.op in timed], span)
    if kind == "tables":
        yield "<h3>Reservations, as guests and staff were told</h3>"
        witnessed = {one.restaurant for one in records.dinings.values() if one.witnessed}
        yield _svg(_stays, [call for call in calls if call.event not in witnessed], span)
    sold = {sale.event for sale in records.sales.values() if sale.kind == kind and not sale.witnessed}
    own = [one for one in verdict.inventories if one.inventory_id in sold and one.points]
    if own:
        yield "<h3>Sold against capacity</h3>"
        yield from (_svg(_sold, one, span) for one in own)


# --- plots ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """From the first request to the last reply: what all plots show."""

    start_us: int
    end_us: int


def _svg(draw: object, what: object, span: Span) -> str:
    """One plot, inline."""
    assert callable(draw)
    with mpl.rc_context({"svg.hashsalt": "turnstile", "font.size": 9, "axes.spines.top": False}):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
        axes = figure.subplots()
        draw(axes, what, span.start_us)
        axes.set_xlabel("seconds")
        axes.set_xlim(0, max(1.0, (span.end_us - span.start_us) / 1e6))
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=LEGEND_POINTS)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _rate(axes: Axes, calls: Sequence[Call], start_us: int) -> None:
    """Answers in each second, by what they were."""
    kinds: dict[str, dict[int, int]] = {}
    for call in calls:
        second = (call.got_us - start_us) // (BUCKET_S * 1_000_000)
        counts = kinds.setdefault(_answer(call), {})
        counts[second] = counts.get(second, 0) + 1
    if not kinds:
        return
    seconds = range(1 + max(max(counts) for counts in kinds.values()))
    names = sorted(kinds)
    rows = [[kinds[name].get(second, 0) / BUCKET_S for second in seconds] for name in names]
    axes.stackplot([second * BUCKET_S for second in seconds], rows, labels=names, step="post", colors=COLOURS)
    axes.set_ylabel("answers/s")


def _answer(call: Call) -> str:
    if call.kind == "browse":
        return call.op if call.done else call.code or f"status {call.status}"
    if call.op in READS:
        return "reads"
    if call.done:
        return call.op
    return call.code or f"status {call.status}"


def _latency(axes: Axes, calls: Sequence[Call], start_us: int) -> None:
    """Percentiles over each second's answers."""
    seconds: dict[int, list[float]] = {}
    for call in calls:
        if call.status:
            second = (call.got_us - start_us) // (BUCKET_S * 1_000_000)
            seconds.setdefault(second, []).append((call.got_us - call.sent_us) / 1000)
    times = sorted(seconds)
    for percent in PERCENTILES:
        shown = [percentile(sorted(seconds[second]), percent) for second in times]
        axes.plot([second * BUCKET_S for second in times], shown, label=f"p{percent}")
    axes.set_ylabel("ms")
    axes.set_ylim(bottom=0)


def _stays(axes: Axes, calls: Sequence[Call], start_us: int) -> None:
    """How many reservations had each status, after each second's replies."""
    status: dict[str, str] = {}
    counts: Counter[str] = Counter()
    rows: dict[int, Counter[str]] = {}
    for call in sorted(calls, key=lambda call: call.got_us):
        if call.sitting is None:
            continue
        counts[status.get(call.reservation, "")] -= 1
        counts[call.sitting.status] += 1
        status[call.reservation] = call.sitting.status
        rows[(call.got_us - start_us) // (BUCKET_S * 1_000_000)] = counts.copy()
    times = sorted(rows)
    for name in sorted({name for row in rows.values() for name in row if name}):
        axes.step(
            [second * BUCKET_S for second in times],
            [rows[second][name] for second in times],
            where="post",
            label=name,
        )
    axes.set_ylabel("reservations")
    axes.set_ylim(bottom=0)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest rank: a value that was measured."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _sold(axes: Axes, audited: Audited, start_us: int) -> None:
    """Confirmed, and confirmed plus held, under the capacity; from the journal."""
    times = [(at_ms - start_us / 1000) / 1000 for at_ms, *_ in audited.points]
    confirmed = [point[2] for point in audited.points]
    live = [point[1] + point[2] for point in audited.points]
    axes.fill_between(times, live, step="post", alpha=0.35, label="held")
    axes.fill_between(times, confirmed, step="post", alpha=0.8, label="confirmed")
    axes.step(times, [point[3] for point in audited.points], where="post", color="black", label="capacity")
    axes.set_ylabel("tickets")
    axes.set_title(audited.name, loc="left", fontsize=9)


# --- text -----------------------------------------------------------------------------------------


def _head(verdict: Verdict, what: str, start_us: int) -> str:
    when = datetime.fromtimestamp(start_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    style, word = ("ok", "every invariant holds") if verdict.sound else ("FAILED", "not sound")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Turnstile load</title>'
        f"<style>{_STYLE}</style></head><body>"
        f'<h1>Load run: <span class="{style}">{word}</span></h1><p>{html.escape(what)}; {when}</p>'
    )


def _checks(verdict: Verdict) -> str:
    rows = []
    for result in verdict.results:
        examples = "".join(f"<br>{html.escape(example)}" for example in result.examples)
        style = result.verdict.split()[0]
        cells = (result.invariant, result.check, f"{result.looked_at:,}", f"{result.failures:,}")
        told = f'<span class="{style}">{result.verdict}</span>'
        rows.append((*cells, told, html.escape(result.promise) + examples))
    return "<h2>Audit</h2>" + _table(
        ("invariant", "check", "looked at", "failures", "verdict", "promise"), rows, numbers=(2, 3)
    )


def _outcomes(verdict: Verdict) -> str:
    rows = [(html.escape(outcome), f"{times:,}") for outcome, times in verdict.outcomes.items()]
    table = _table(("request and answer", "times"), rows, numbers=(1,))
    return f"<h2>What clients were answered</h2>{table}</body></html>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int]) -> str:
    def cells(row: Sequence[str]) -> Iterator[str]:
        for position, cell in enumerate(row):
            yield f'<td class="n">{cell}</td>' if position in numbers else f"<td>{cell}</td>"

    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(cells(row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
