"""Charts as files: drawn without a window, written or refused in plain words."""

from __future__ import annotations

from regtools.errors import Place, RegtoolsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save", "without_window"]


def without_window() -> None:
    """Choose the drawing that needs no screen; call it before anything is drawn."""
    import matplotlib

    matplotlib.use("agg")


def save(figure: Figure, path: str) -> None:
    """Write a figure to a file; the suffix says the format.

    Raises:
        RegtoolsError: kind ``file-unwritable``.
    """
    import matplotlib.pyplot as plt

    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:  # ValueError: a format that matplotlib does not know
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"the chart cannot be written: {reason}"
        raise RegtoolsError(message, kind="file-unwritable", stage="load", where=Place(path)) from error
    finally:
        plt.close(figure)
