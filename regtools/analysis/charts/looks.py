"""What the charts share: sizes, colours that also read in grey, legends where no data are."""

from __future__ import annotations

from regtools.pull.records import Pull, frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["DPI", "PLACES", "WIDTH", "axes", "below", "pulls_frame"]

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


def axes(height: float, width: float = WIDTH) -> Axes:
    """Make a figure of its own, sizes in inches; give its Axes."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(width, height), dpi=DPI, layout="constrained")
    return ax


def below(ax: Axes, handles: list[Any], columns: int) -> None:
    """Put the legend under the axis: nowhere else is there sure to be no data."""
    pad = 5.5  # font sizes; clears the axis and its label
    ax.legend(
        handles=handles,
        ncols=columns,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=pad,
        fontsize="x-small",
        frameon=False,
    )


def pulls_frame(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    """Give pulls as the pulls frame that they may already be."""
    import pandas as pd

    return pulls if isinstance(pulls, pd.DataFrame) else frames([pull.row() for pull in pulls], [])[0]
