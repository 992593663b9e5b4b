"""``regtools compare``: which source is faster, by how much, and how sure that is."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from regtools.analysis.compare import compare
from regtools.analysis.measurements import read_measurements
from regtools.analysis.report import measured_on, overview, report

from .output import OK, complain, draw_without_window, save_chart, say, say_json, say_verdict, write
from .parser import ending, file


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``compare``."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", type=file, help="journal, or CSV or Parquet file (see below)")
    add("--by", action="append", metavar="COLUMN", help="keep apart by vantage, image, …; may be repeated")
    add("--baseline", metavar="PLACE", help="compare every place with this one only")
    add("--plot", metavar="FILE", type=file, help="draw the spread of the times (.png, .svg, .pdf)")
    add("--report", metavar="FILE", type=file, help="write one HTML file with tables, charts and method")
    shape = parser.add_mutually_exclusive_group().add_argument
    shape("--json", action="store_true", help="print the comparison as JSON")
    shape("--format", choices=("text", "csv", "markdown"), default="text", help="csv: a row for each place")
    parser.epilog = ending(
        "0 compared, 1 a file cannot be read or written, or its table cannot be compared, 2 wrong usage.",
        "regtools compare pulls.jsonl",
        "regtools compare monday.jsonl tuesday.csv --report report.html",
        note="A CSV or Parquet file has the columns place, round, seconds, ok. Each file counts as a "
        "campaign of its own. A verdict needs ten rounds in which "
        "both places were measured.",
    )


def run(options: Namespace) -> int:
    """Compare the pulls, print the comparison, write the chart and the report."""
    pulls, _ = read_measurements(options.files)
    comparison = compare(pulls, by=options.by, baseline=options.baseline)
    if options.json:
        say_json(comparison.to_dict())
    elif options.format == "csv":
        say(comparison.places().to_csv(index=False), end="")
    elif options.format == "markdown":
        say(comparison.to_markdown())
    else:
        say_verdict(str(comparison), good=bool(comparison.pairs()["differs"].any()))
    if options.plot is not None:
        save_chart(lambda: overview(pulls), options.plot)
    if options.report is not None:
        draw_without_window()
        write(report(comparison, pulls, measured_on(options.files)), options.report, what="the report")
        complain(f"report: {options.report}")
    return OK
