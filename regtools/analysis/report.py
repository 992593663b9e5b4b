"""A comparison as one HTML file that needs no other file: the charts are in it, and there is no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

import pandas as pd

from regtools.display import escape, html_table, visible
from regtools.version import __version__

from .charts import ecdf, phases, slopes, small_multiples
from .charts.pulls import pulls_to_draw
from .charts.style import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .comparison import Comparison


_BODY = "font-family:sans-serif;max-width:1160px;margin:2em auto;padding:0 1em;line-height:1.45;color:#222"
_IMAGE = "max-width:100%;height:auto;border:1px solid #ddd"
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
    "“Made of” splits the time into setup, round trips and bytes by least squares over images of "
    "different size; it needs at least three kinds of image.",
)


def report(comparison: Comparison, pulls: pd.DataFrame) -> str:
    """Return the HTML.

    Args:
        comparison: what :func:`~regtools.compare` made of ``pulls``.
        pulls: the same table, for the charts.
    """
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><title>Places to pull from, compared</title>',
        f'</head><body style="{_BODY}"><h1>Places to pull from, compared</h1>',
        comparison._repr_html_(),
        *_charts(pulls),
        "<h2>How it was measured</h2>",
        html_table(_facts(comparison), heading=False, named=True),
        "<h2>How it was computed</h2>",
        *(f"<p>{escape(text)}</p>" for text in _METHOD),
        f'<p style="color:#666">Made by regtools {escape(__version__)} from these measurements.</p>',
        "</body></html>\n",
    ]
    return "\n".join(parts)


def overview(pulls: pd.DataFrame) -> Figure:
    """Draw the one chart that shows a comparison: the spread of times, a panel for each kind of pull."""
    return _panels(pulls, ecdf)


def _charts(pulls: pd.DataFrame) -> Iterator[str]:
    import matplotlib.pyplot as plt

    wanted: tuple[tuple[Callable[..., Axes], str], ...] = (
        (ecdf, "How long pulls took, and how many were done"),
        (slopes, "Round by round"),
        (phases, "Where the time went"),
    )
    for chart, words in wanted:
        try:
            figure = _panels(pulls, chart)
        except ValueError as error:  # the table lacks what this chart shows
            yield f"<!-- no chart “{words}”: {visible(str(error)).replace('--', '')} -->"
            continue
        drawn = BytesIO()
        figure.savefig(drawn, format="png", metadata={"Software": None})
        plt.close(figure)
        source = f"data:image/png;base64,{b64encode(drawn.getvalue()).decode()}"
        yield f'<h2>{words}</h2><p><img alt="{words}" style="{_IMAGE}" src="{source}"></p>'


def _panels(pulls: pd.DataFrame, chart: Callable[..., Axes]) -> Figure:
    table = pulls_to_draw(pulls)
    varying = [name for name in _VARYING if name in table.columns and table[name].nunique() > 1]
    if not varying:
        return figure_of(chart(table))
    kinds = table[varying[0]].astype("string").fillna("unknown")
    for name in varying[1:]:
        kinds = kinds + ", " + table[name].astype("string").fillna("unknown")
    often = kinds.value_counts().index[:_MOST_PANELS]  # more is too much to read
    made = table.assign(**{_PANEL: kinds})
    return figure_of(small_multiples(made[kinds.isin(often)], chart, by=_PANEL)[0])


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
        ("from, to", f"{facts['begun']}, {facts['ended']}" if facts["begun"] else "not recorded"),
        ("bootstrap's seed", str(facts["bootstrap_seed"])),
    ]
