"""What the charts share: sizes, colours that also read in grey, words that fit, legends where no data are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.pull.records import frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Literal

    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from regtools.pull.records import Pull

__all__ = [
    *("DPI", "FAILED", "MEDIAN", "PLACES", "WIDTH"),
    *("axes", "below", "chosen_places", "grid", "look", "named", "points_wide", "pulls_frame", "spread_out"),
    *("tick_words", "title"),
]

WIDTH = 8.0  # inches
DPI = 144

# Okabe and Ito's colours, which colour-blind readers tell apart; marker and dash do without colour.
PLACES: tuple[tuple[str, str, Any], ...] = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", ":"),
    ("#000000", "v", (0, (5, 1))),
    ("#E69F00", "P", (0, (3, 1, 1, 1))),
    ("#56B4E9", "X", (0, (1, 1))),
)
FAILED = "#D55E00"
MEDIAN: dict[str, Any] = {"markerfacecolor": "none", "markersize": 11, "markeredgewidth": 1.6, "zorder": 5}

_LETTER = 0.56  # mean width of a letter of the proportional font, in font sizes


def look(number: int) -> tuple[str, str, Any]:
    """Give colour, marker and dash of the first, second, … place."""
    return PLACES[number % len(PLACES)]


def axes(height: float, width: float = WIDTH) -> Axes:
    """Make a figure of its own, sizes in inches; give its Axes."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(width, height), dpi=DPI, layout="constrained")
    return ax


def points_wide(ax: Axes) -> float:
    """Give the width of the Axes in points, as it stands."""
    return float(ax.get_window_extent().width / ax.figure.dpi * 72)


def title(ax: Axes, text: str) -> None:
    """Write the title, in as many lines as it needs."""
    import textwrap

    size = 10 if points_wide(ax) > 330 else 8.5
    room = max(int(points_wide(ax) * 0.92 / (size * _LETTER)), 20)
    lines = textwrap.wrap(text.replace(" = ", "\xa0=\xa0"), room, break_on_hyphens=False)
    ax.set_title("\n".join(lines).replace("\xa0", " "), fontsize=size, parse_math=False)


def grid(ax: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw faint lines behind the data."""
    ax.grid(color="0.9", axis=axis)
    ax.set_axisbelow(True)


def below(ax: Axes, handles: list[Any], columns: int) -> None:
    """Put the legend under the axis, in as many columns as fit: nowhere else is there sure to be no data."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    fit = int(points_wide(ax) * 1.1 // (longest * 7 * _LETTER + 32))
    ax.legend(
        handles=handles,
        ncols=max(1, min(columns, fit)),
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=5.5,  # font sizes; clears the axis and its label
        fontsize="x-small",
        frameon=False,
    )


def named(text: str) -> str:
    """Give a text that matplotlib takes for a label whatever it begins with."""
    return f" {text}" if text.startswith("_") else text


def tick_words(ax: Axes, at: Sequence[float], words: Sequence[str], axis: str = "x") -> None:
    """Write words at an axis; those of the x axis turned where they would touch."""
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_ticks(list(at), list(words))
    for label in which.get_ticklabels():
        label.set_parse_math(False)
    if axis == "x":
        longest = max((len(line) for word in words for line in word.split("\n")), default=0)
        small = points_wide(ax) < 330
        size = 7.5 if small else 9
        turned = longest * size * _LETTER * len(words) > points_wide(ax) * 0.98
        for label in which.get_ticklabels():
            label.set(fontsize=size, rotation=30 if turned else 0, ha="right" if turned else "center")
            label.set_rotation_mode("anchor" if turned else "default")


def spread_out(count: int, width: float) -> NDArray[np.float64]:
    """Give offsets that keep the points of a strip apart, the same every time.

    >>> [round(float(each), 2) for each in spread_out(3, 1.0)]
    [0.12, -0.26, 0.35]
    """
    import numpy as np

    steps = np.arange(1, count + 1, dtype=np.float64) * 0.6180339887
    return np.asarray((steps % 1 - 0.5) * width, dtype=np.float64)


def pulls_frame(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    """Give pulls as the frame that a comparison takes, with ``seconds`` for the time.

    Raises:
        ValueError: there are none.
        RegtoolsError: the table lacks a column that a chart needs.
    """
    import pandas as pd

    table = pulls if isinstance(pulls, pd.DataFrame) else frames([pull.row() for pull in pulls], [])[0]
    if table.empty:
        raise ValueError("there are no pulls to draw")
    time = "seconds" if "seconds" in table.columns else "total_s"
    missing = [name for name in ("place", time, "ok") if name not in table.columns]
    if missing:
        raise RegtoolsError(
            f"the table has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}",
            kind="bad-table",
            stage="load",
            hint="a chart of pulls needs place, ok, and seconds or total_s",
        )
    made = table.assign(
        place=table["place"].astype("string").fillna(""),
        seconds=pd.to_numeric(table[time]).astype("Float64").astype("float64"),
        ok=table["ok"].astype("boolean").fillna(False).astype(bool),
    )
    made.loc[~made["ok"], "seconds"] = math.inf  # a failed pull never gets done
    return made


def chosen_places(table: pd.DataFrame, places: Sequence[str] | None) -> list[str]:
    """Give the places to draw, in order: as asked, or from the fastest median to the slowest.

    Raises:
        ValueError: none of the places asked for was measured.
    """
    there = [str(each) for each in table["place"].unique()]
    if places is not None:
        if not set(places) & set(there):
            raise ValueError(
                f"no pulls of {', '.join(map(repr, places))}; there are {', '.join(sorted(there))}"
            )
        return list(places)
    medians = table.groupby("place")["seconds"].median()
    return sorted(there, key=lambda place: (float(medians[place]), place))
