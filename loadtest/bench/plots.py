"""Draws what was measured: durable holds per second beside the peers, and where the CPU time of one goes."""

from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes

from loadtest.bench.plan import TURNSTILE
from loadtest.bench.report import COMMIT_TITLES
from loadtest.bench.results import Commit, Results
from loadtest.bench.targets import NAMES, title_of

matplotlib.use("Agg")

HIGHLIGHT, PLAIN = "#1b6ca8", "#b0b7bf"
PIXELS_PER_INCH = 120


def draw(results: Results, folder: Path) -> list[Path]:
    connections = max(
        (one.case.connections for one in results.measured if one.case.scenario == "hold"), default=0
    )
    commits = [c for c in COMMIT_TITLES if any(one.case.commit == c for one in results.measured)]
    if not connections or not commits:
        return []
    figure, axes = pyplot.subplots(1, len(commits), figsize=(5.6 * len(commits), 3.6), squeeze=False)
    for axis, commit in zip(axes[0], commits, strict=True):
        draw_holds(axis, results, connections, commit)
    figure.suptitle(f"Durable holds per second, {connections} connections")
    figure.tight_layout()
    paths = [folder / "holds.svg", folder / "holds.png"]
    for path in paths:
        figure.savefig(path, dpi=PIXELS_PER_INCH, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return paths


def draw_holds(axis: Axes, results: Results, connections: int, commit: Commit) -> None:
    rates = {
        name: results.median(lambda one: one.rate_per_s, name, "hold", connections, commit)
        for name in reversed(NAMES)
    }
    shown = {name: rate for name, rate in rates.items() if rate is not None}
    titles = [title_of(name).strip("*") for name in shown]
    colours = [HIGHLIGHT if name == TURNSTILE else PLAIN for name in shown]
    bars = axis.barh(titles, list(shown.values()), color=colours)
    axis.bar_label(bars, labels=[f"{rate:,.0f}" for rate in shown.values()], padding=3, fontsize=8)
    axis.set_title(COMMIT_TITLES[commit], fontsize=10)
    axis.margins(x=0.15)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
