"""``regtools compare``: which place is faster, by how much, and how sure that is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

from . import OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    import pandas as pd

    from regtools.analysis.comparison import Comparison

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="journal, or CSV or Parquet file with the columns place, round, seconds, ok",
    )
    add("--by", action="append", metavar="COLUMN", help="keep apart by vantage, image, …; may be repeated")
    add("--baseline", metavar="PLACE", help="compare every place with this one only")
    add("--plot", metavar="FILE", help="draw the spread of the times (.png, .svg, .pdf)")
    add("--report", metavar="FILE", help="write one HTML file with tables, charts and how it was measured")
    add("--json", action="store_true", help="print the comparison as JSON")
    parser.epilog = "Each file counts as a campaign of its own. A verdict needs ten rounds with both places."


def run(options: Namespace) -> int:
    """Compare and tell; give 0."""
    from regtools.analysis.compare import compare

    from .output import measured

    pulls, _ = measured("compare", options.files)
    comparison = compare(pulls, by=options.by, baseline=options.baseline)
    if options.json:
        import json

        print(json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(comparison)
    if options.plot is not None:
        _plot(pulls, options.plot)
    if options.report is not None:
        _report(comparison, pulls, options.report)
    return OK


def _plot(pulls: pd.DataFrame, path: str) -> None:
    from regtools.analysis.report import overview

    from .output import save, without_window

    without_window()
    save(overview(pulls), path)
    print(f"chart: {path}", file=sys.stderr)


def _report(comparison: Comparison, pulls: pd.DataFrame, path: str) -> None:
    from regtools.analysis.report import report

    from .output import reason, without_window, write_text

    without_window()
    text = report(comparison, pulls)
    try:
        write_text(text, path)
    except OSError as error:
        message = f"the report cannot be written: {reason(error)}"
        raise RegtoolsError(message, kind="file-unwritable", stage="load", where=Place(path)) from error
    print(f"report: {path}", file=sys.stderr)
