"""Reading measurements for a command: what a journal has lost is told on standard error."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["measured"]


def measured(command: str, paths: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read files into one table of pulls and one of requests.

    Raises:
        RegtoolsError: a file is missing, or is no journal, CSV or Parquet file.
    """
    import warnings

    from regtools.analysis.intake import read_measurements
    from regtools.pull.journal import JournalWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", JournalWarning)
        tables = read_measurements(paths)
    for each in caught:
        print(f"regtools {command}: {each.message}", file=sys.stderr)
    return tables
