"""A comparison as one HTML file that needs no other file: the charts are in it, and there is no script."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

import pandas as pd

from regtools.campaigns.journal import read_plan, read_probes
from regtools.display import escape, html_table, seconds, visible
from regtools.version import __version__

from .charts import ecdf, phases, slopes, small_multiples, style
from .charts.pulls import pulls_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .comparison import Comparison


# Readable on a phone, in the colours of the reader's own theme; charts are as wide as a phone shows well.
_PAGE = "color-scheme:light dark;font-family:system-ui,sans-serif;line-height:1.5"
_BODY = "max-width:56rem;margin:1rem auto;padding:0 1rem;overflow-wrap:break-word"
_IMAGE = "width:100%;max-width:640px;height:auto"
_WIDTH = 4.4  # inches
_PANEL = "panel"
_VARYING = ("vantage", "client", "cache_state", "image")
_MOST_PANELS = 12

# How the numbers came about, for a reader who has only this file.
_METHOD = (
    "Places are compared within rounds: in each round every place was asked for the same image, so that "
    "an hour in which everything was slow counts against none of them.",
    "The ratio of two places is the Hodges–Lehmann estimate of the logarithm of the paired ratio; in "
    "brackets is the 95 % interval that belongs to Wilcoxon's signed-rank test. Where it contains 1, no "
    "difference was shown, which does not mean that there is none.",
    "A failed pull is not left out: beside a successful pull it counts as longer by an unknown amount. In "
    "the medians and quartiles of the total time it counts as infinitely slow. Success rates have Wilson's "
    "95 % interval.",
    "“Fastest in” is the share of rounds in which a place was the fastest, with a bootstrap interval "
    "over rounds (Wilson's where a place won always or never).",
    "Rates are bytes fetched over the time of their transfer. Different clients, and cold and warm "
    "caches, are never mixed.",
    "The cost model splits the time into setup, round trips and bytes by least squares over images of "
    "different size; it needs at least three kinds of image, and is shown for places where every part surely "
    "differs from nothing.",
    "A ratio is the time of the slower place over that of the faster one: 2× faster takes half the time.",
)


def report(comparison: Comparison, pulls: pd.DataFrame, machine: Iterable[tuple[str, str]] = ()) -> str:
    """Return the HTML.

    Args:
        comparison: what :func:`~regtools.compare` made of ``pulls``.
        pulls: the same table, for the charts.
        machine: what is known of the machine and the links, from :func:`measured_on`.
    """
    facts = [*_facts(comparison), *machine, ("report", f"regtools {__version__}")]
    parts = [
        f'<!DOCTYPE html><html lang="en" style="{_PAGE}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>Places to pull from, compared</title></head><body style="{_BODY}">',
        "<h1>Places to pull from, compared</h1>",
        comparison._repr_html_(),
        *_charts(pulls),
        "<h2>Method</h2>",
        f'<div style="overflow-x:auto">{html_table(facts, heading=False, named=True)}</div>',
        *(f"<p>{escape(text)}</p>" for text in _METHOD),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def measured_on(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, str]]:
    """Yield what the journals among some files say of host, CPU, versions and the links' round trips."""
    told: dict[str, dict[str, None]] = {}
    for path in paths:
        if not (plan := read_plan(path)):
            continue
        machine = plan.get("machine")
        for name, value in machine.items() if isinstance(machine, dict) else ():
            told.setdefault(str(name), {})[str(value)] = None
        probes = read_probes(path)
        for place, times in probes.dropna(subset=["rtt_s"]).groupby("place")["rtt_s"]:
            told.setdefault("links", {})[f"{place} {seconds(float(times.median()))} a round trip"] = None
    yield from ((name, ", ".join(values)) for name, values in told.items())


def overview(pulls: pd.DataFrame) -> Figure:
    """Draw the one chart that shows a comparison: the spread of times, a panel for each kind of pull."""
    return style.figure_of(_panels(pulls, ecdf, None)[0])


def _charts(pulls: pd.DataFrame) -> Iterator[str]:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    many = pulls["place"].nunique() if "place" in pulls.columns else 0
    wanted: tuple[tuple[Callable[..., Axes], float, str], ...] = (
        (ecdf, max(3.4, 0.9 + 0.33 * many), "How long pulls took, and how many were done"),
        (slopes, 3.8, "Round by round"),
        (phases, 1.8 + 0.6 * many, "Where the time went"),
    )
    for chart, height, words in wanted:
        try:
            panels = _panels(pulls, chart, height)
        except ValueError as error:  # the table lacks what this chart shows
            yield f"<!-- no chart “{words}”: {visible(str(error)).replace('--', '')} -->"
            continue
        drawn = BytesIO()
        figure = style.figure_of(panels[0])
        with mpl.rc_context({"svg.hashsalt": "regtools", "svg.fonttype": "none"}):  # words stay words
            figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Creator", "Date")))
        plt.close(figure)
        source = f"data:image/svg+xml;base64,{b64encode(drawn.getvalue()).decode()}"
        finding = escape(panels[0].get_title().replace("\n", " "))
        yield f'<h2>{words}</h2><p><img alt="{words}: {finding}" style="{_IMAGE}" src="{source}"></p>'


def _panels(pulls: pd.DataFrame, chart: Callable[..., Axes], height: float | None) -> list[Axes]:
    """Draw a chart for each kind of pull.

    Args:
        height: in inches, of each in one column that fits a phone; None for the charts' own size.
    """
    import matplotlib.pyplot as plt

    table = pulls_to_draw(pulls)
    varying = [name for name in _VARYING if name in table.columns and table[name].nunique() > 1]
    if not varying:
        if height is None:
            return [chart(table)]
        return [chart(table, ax=plt.subplots(figsize=(_WIDTH, height), layout="constrained")[1])]
    kinds = table[varying[0]].astype("string").fillna("unknown")
    for name in varying[1:]:
        kinds = kinds + ", " + table[name].astype("string").fillna("unknown")
    often = kinds.value_counts().index[:_MOST_PANELS]  # more is too much to read
    made = table.assign(**{_PANEL: kinds})[kinds.isin(often)]
    if height is None:
        return small_multiples(made, chart, by=_PANEL)
    figure = plt.figure(figsize=(_WIDTH, height * len(often)), layout="constrained")
    return small_multiples(made, chart, by=_PANEL, columns=1, figure=figure)


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    facts = comparison.facts

    def listed(name: str, absent: str) -> str:
        return ", ".join(filter(None, facts[name])) or absent

    return [
        ("pulls", f"{facts['pulls']}, of which {facts['failed']} failed"),
        ("rounds", str(facts["rounds"])),
        ("places", listed("places", "without a name")),
        ("images", listed("images", "not recorded")),
        ("clients", listed("clients", "not recorded")),
        ("vantage points", listed("vantages", "one machine")),
        (
            "from, to",
            f"{facts['begun'][:16]}, {facts['ended'][:16]} UTC" if facts["begun"] else "not recorded",
        ),
        ("bootstrap's seed", str(facts["bootstrap_seed"])),
    ]
