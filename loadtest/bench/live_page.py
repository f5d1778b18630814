"""The page of what live streams cost."""

import math
import statistics
import textwrap
from typing import NamedTuple

from loadtest.bench.goals import LIVE_READERS, verdicts_of
from loadtest.bench.live import CONNECTIONS, PEAK_SHARE, LiveResults, Watched, What

LINE_MAX_CHARACTERS = 118


class Words(NamedTuple):
    """What differs by what is watched. `name`: of the files; `reading`: of what is done before it is told."""

    name: str
    title: str
    event: str
    options: str = ""
    reading: str = ""


WORDS: dict[What, Words] = {
    "counts": Words("live", "What live streams cost", "one event"),
    "seats": Words(
        "live-seats",
        "What live maps of seats cost",
        "one event of 60,000 seats, each hold of the next one,",
        " --watch seats",
        """
- *Reading*: before it tells, the front end reads from rows what has changed, at most every 250 ms
  ([reading maps](maps.md)). The first message is the whole map, 20 KB; *a message*: the others' mean.""",
    ),
}

READING = """\
## How to read it

- *A change with 99 % of readers after*: from the time that the journal's entry has, which is when the owner
  decided, before the commit, to the time when 99 of 100 clients had the whole message. One figure for each
  commit of the measurement, and of these the median, the one that 99 of 100 do not exceed, and the last.
- *Told every*: the owner publishes at most every 100 ms. The front end tells at most every 100 ms, and less
  often beyond 1,000 streams, so that it makes 10,000 writes a second at most: with 2,000 readers every 200 ms
  and what the writing takes, with 10,000 every second.@
- *Lost*: streams that the server ended. A client that does not keep up is cut off.
- *Other programs*: what neither Turnstile nor the generators used of the machine. Where it is high, read the
  ratios.
- Streams are connections: a front end of 10,000 streams needs `TURNSTILE_CONNECTIONS_MAX` above it and a hard
  limit of open files above that (`ulimit -Hn`); so does the process that has the 10,000 clients.
"""


def markdown(found: LiveResults) -> str:
    reading = READING.replace("@", WORDS[found.what].reading)
    return "\n".join([*_head(found), *_sale(found), *_reads(found), reading])


def _head(found: LiveResults) -> list[str]:
    described = ", ".join(f"{name} {value}" for name, value in found.machine.items())
    load = ", ".join(f"{one:.1f}" for one in found.load_average)
    text = (
        f"One front end, {WORDS[found.what].event} that sells at half its peak, and so many clients that"
        " watch it. Everything shares the machine: the sale, its generator, the readers. Made by"
        f" `python -m loadtest.bench live{WORDS[found.what].options}`, which takes some minutes."
    )
    run = f"Load averages before the run: {load}. Each measurement takes {found.seconds} s."
    return [
        f"# {WORDS[found.what].title}",
        "",
        *_wrapped(text),
        "",
        *_wrapped(f"Machine: {described}. {run}"),
        "",
    ]


def _sale(found: LiveResults) -> list[str]:
    columns = (
        "readers",
        "sold/s",
        "of nobody watching",
        "hold p50, p99 (ms)",
        "a change with 99 % of readers after (ms): median, p99, last",
        "told every (ms)",
        "a message (bytes)",
        "front end, all of Turnstile, generators (% of a core)",
        "lost",
        "other programs",
    )
    alone = alone_per_s(found)
    most = max(one.readers for one in found.watched)
    memory = (
        f"A reader takes {found.reader_kb:.0f} kB of the front end's memory (resident, of {most:,} at once,"
        " before any load); what the kernel keeps for its socket comes on top."
    )
    peak = f"Peak at {CONNECTIONS} connections: {found.peak_per_s:,.0f} holds/s"
    return [
        *_wrapped(f"{peak}; the sale is at {found.peak_per_s * PEAK_SHARE:,.0f}. {memory}"),
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
        *(_row(one, alone) for one in found.watched),
        "",
        *_goals(found, "reach_p99_ms", "sales_x"),
    ]


def alone_per_s(found: LiveResults) -> float:
    return statistics.mean(one.sold_per_s for one in found.watched if one.readers == 0)


def _row(one: Watched, alone: float) -> str:
    reach, told, size = "", "", ""
    if one.reach is not None:
        reach = f"{one.reach.p50_ms:.0f}, **{one.reach.p99_ms:.0f}**, {one.reach.max_ms:.0f}"
        reach += f" ({one.reach.missed} of {one.reach.changes} never)" if one.reach.missed else ""
        told = f"{one.interval_ms:.0f}"
        size = f"{one.message_bytes:,.0f}" if one.message_bytes else ""
    cells = [
        f"{one.readers:,}",
        f"{one.sold_per_s:,.0f}",
        f"{one.sold_per_s / alone:.2f}",
        f"{one.hold_p50_ms:.1f}, {one.hold_p99_ms:.0f}",
        reach,
        told,
        size,
        f"{one.front_end_percent:.0f}, {one.all_percent:.0f}, {one.generator_percent:.0f}",
        f"{one.lost}" if one.readers else "",
        f"{one.strangers_share:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def figures(found: LiveResults) -> dict[str, float]:
    """What the goals are of. A change that so many readers never had was with them after no time at all."""
    measured = {}
    for one in found.watched:
        if one.readers == LIVE_READERS and one.reach is not None:
            measured["reach_p99_ms"] = math.inf if one.reach.missed else one.reach.p99_ms
            measured["sales_x"] = one.sold_per_s / alone_per_s(found)
    shares = _shares(found)
    return measured | ({"reads_x": statistics.median(shares)} if shares else {})


def _goals(found: LiveResults, *names: str) -> list[str]:
    measured = {name: value for name, value in figures(found).items() if name in names}
    return [*(f"- {line}." for line in verdicts_of("live", measured)), ""]


def _shares(found: LiveResults) -> list[float]:
    """Reads a second over those of echo, round by round."""
    reads, echo = ([one for one in found.reads if one.target == name] for name in ("reads", "echo"))
    return [one.per_s / other.per_s for one, other in zip(reads, echo, strict=True)] if echo else []


def _reads(found: LiveResults) -> list[str]:
    rounds = {name: [one for one in found.reads if one.target == name] for name in ("reads", "echo")}
    if not all(rounds.values()):
        return []
    lines = [f"## Reads of availability beside bare echo, {CONNECTIONS} connections", ""]
    lines += ["| | requests/s | CPU us |", "|---|---|---|"]
    for name, title in (("reads", "`GET .../availability`"), ("echo", "bare aiohttp echo (of a hold)")):
        rates = ", ".join(f"{one.per_s:,.0f}" for one in rounds[name])
        cpu = ", ".join(f"{one.cpu_us:.0f}" for one in rounds[name])
        lines.append(f"| {title} | {rates} | {cpu} |")
    each = ", ".join(f"{one:.2f}" for one in _shares(found))
    return [*lines, "", f"Rounds: {each} x.", "", *_goals(found, "reads_x")]


def _wrapped(text: str, width: int = LINE_MAX_CHARACTERS) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
