"""The same chart several times, side by side: one panel for each image, vantage or client."""

from __future__ import annotations

import math

from .looks import DPI, WIDTH, chosen_places, pulls_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from regtools.pull.records import Pull

__all__ = ["small_multiples"]

_PANEL = 3.6  # inches
_MOST_PANELS = 24


def small_multiples(
    pulls: pd.DataFrame | Iterable[Pull],
    chart: Callable[..., Axes] | None = None,
    *,
    by: str = "image",
    columns: int | None = None,
    share: bool = False,
    figure: Figure | None = None,
) -> list[Axes]:
    """Draw a chart for each image (or vantage, client, …), with the same look for the same place throughout.

    Arguments:
        pulls: the pulls frame of a journal, or pulls.
        chart: ``ecdf``, ``slopes`` or ``phases``, or a function like them; None for ``ecdf``.
        by: the column that has one panel for each of its values.
        columns: panels in a row; None for as many as the width has room for.
        share: whether all panels have the same scales, so that lengths can be compared across.
        figure: where to draw; None makes one. A figure that has a layout keeps it.

    Returns: the Axes, panel by panel; their figure is ``axes[0].figure``.

    Raises:
        ValueError: there are no pulls, no such column, or more than 24 values.
    """
    import matplotlib.pyplot as plt

    from .spread import ecdf

    table = pulls_frame(pulls)
    if by not in table.columns:
        raise ValueError(f"the pulls have no column {by!r}")
    values = sorted(map(str, table[by].dropna().unique()))
    if not 1 <= len(values) <= _MOST_PANELS:
        raise ValueError(f"{by} has {len(values)} values; 1 to {_MOST_PANELS} can be drawn side by side")
    width = figure.get_figwidth() if figure is not None else WIDTH
    across = min(columns or max(1, int(width / _PANEL)), len(values))
    down = math.ceil(len(values) / across)
    if figure is None:
        figure = plt.figure(figsize=(WIDTH, 4.2 * down), dpi=DPI, layout="constrained")
    grid: Any = figure.subplots(down, across, sharex=share, sharey=share, squeeze=False)
    order = chosen_places(table, None)
    made = []
    for value, ax in zip(values, grid.flat, strict=False):
        part = table[table[by].astype("string") == value]
        there = set(part["place"])
        _draw(chart or ecdf, part, ax, [place for place in order if place in there])
        words = f"{value or '(no name)'}: n = {len(part)} pulls"
        _head(ax, words)
        made.append(ax)
    for ax in grid.flat[len(values) :]:
        ax.set_axis_off()
    return made


def _draw(chart: Callable[..., Axes], part: pd.DataFrame, ax: Axes, places: list[str]) -> None:
    chart(part, ax=ax, places=places)


def _head(ax: Axes, text: str) -> None:
    from .looks import title

    title(ax, text)
