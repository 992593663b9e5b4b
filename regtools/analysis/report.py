"""A comparison as one HTML file that needs nothing beside it: the charts are in it, and no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtools.version import __version__

from .comparison import html as tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .comparison import Comparison

__all__ = ["overview", "report"]

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
    "A failed pull is not left out: beside a pull that was done it counts as longer by an unknown "
    "amount. In the medians and quartiles of the total time it takes for ever. Success rates have "
    "Wilson's 95 % interval.",
    "“Fastest in” is the share of rounds in which a place was the fastest, with a bootstrap interval "
    "over rounds.",
    "Rates are bytes fetched over the time of their transfer. Different clients, and cold and warm "
    "caches, are never mixed.",
    "“Made of” splits the time into setup, round trips and bytes by least squares over images of "
    "different size; it needs at least three kinds of image.",
)


def report(comparison: Comparison, pulls: pd.DataFrame) -> str:
    """Give the HTML.

    Args:
        comparison: what :func:`~regtools.compare` made of ``pulls``.
        pulls: the same table, for the charts.
    """
    from html import escape

    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><title>Places to pull from, compared</title>',
        f'</head><body style="{_BODY}"><h1>Places to pull from, compared</h1>',
        tables(comparison),
        *_charts(pulls),
        "<h2>How it was measured</h2>",
        _facts(comparison),
        "<h2>How it was computed</h2>",
        *(f"<p>{escape(text)}</p>" for text in _METHOD),
        f'<p style="color:#666">Made by regtools {escape(__version__)} from these measurements.</p>',
        "</body></html>\n",
    ]
    return "\n".join(parts)


def overview(pulls: pd.DataFrame) -> Figure:
    """Draw the one chart that shows a comparison: the spread of times, a panel for each kind of pull."""
    from .charts import ecdf

    return _panels(pulls, ecdf)


def _charts(pulls: pd.DataFrame) -> Iterator[str]:
    import matplotlib.pyplot as plt

    from .charts import ecdf, phases, slopes

    wanted: tuple[tuple[Callable[..., Axes], str], ...] = (
        (ecdf, "How long pulls took, and how many were done"),
        (slopes, "Round by round"),
        (phases, "Where the time went"),
    )
    for chart, words in wanted:
        try:
            figure = _panels(pulls, chart)
        except ValueError as error:  # the table has not what this chart shows
            yield f"<!-- no chart “{words}”: {str(error).replace('--', '')} -->"
            continue
        yield f'<h2>{words}</h2><p><img alt="{words}" style="{_IMAGE}" src="{_embedded(figure)}"></p>'
        plt.close(figure)


def _panels(pulls: pd.DataFrame, chart: Callable[..., Axes]) -> Figure:
    from .charts import small_multiples
    from .charts.style import pulls_frame

    table = pulls_frame(pulls)
    varying = [name for name in _VARYING if name in table.columns and table[name].nunique() > 1]
    if not varying:
        return _figure(chart(table))
    words = table[varying[0]].astype("string").fillna("unknown")
    for name in varying[1:]:
        words = words + ", " + table[name].astype("string").fillna("unknown")
    often = words.value_counts().index[:_MOST_PANELS]  # more than fit would be read by nobody
    made = table.assign(**{_PANEL: words})
    return _figure(small_multiples(made[words.isin(often)], chart, by=_PANEL)[0])


def _figure(ax: Axes) -> Figure:
    from matplotlib.figure import Figure

    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def _embedded(figure: Figure) -> str:
    from base64 import b64encode
    from io import BytesIO

    drawn = BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    return f"data:image/png;base64,{b64encode(drawn.getvalue()).decode()}"


def _facts(comparison: Comparison) -> str:
    from html import escape

    facts = comparison.facts
    rows = [
        ("pulls", f"{facts['pulls']}, of which {facts['failed']} failed"),
        ("rounds", str(facts["rounds"])),
        ("places", ", ".join(facts["places"])),
        ("images", ", ".join(filter(None, facts["images"])) or "not recorded"),
        ("clients", ", ".join(filter(None, facts["clients"])) or "not recorded"),
        ("vantage points", ", ".join(filter(None, facts["vantages"])) or "one machine"),
        ("from, to", f"{facts['begun']}, {facts['ended']}" if facts["begun"] else "not recorded"),
        ("bootstrap's seed", str(facts["bootstrap_seed"])),
    ]
    cell = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
    body = "".join(
        f'<tr><th style="{cell}">{escape(name)}</th><td style="{cell}">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table style="border-collapse:collapse">{body}</table>'
