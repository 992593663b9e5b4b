"""How a comparison shows itself: text for the terminal, a table for JupyterLab, plain data for JSON."""

from __future__ import annotations

import math

from regtools.pull.display import seconds, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pandas as pd

    from .compare import Comparison

__all__ = ["html", "measured", "plain", "text"]

_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
_HEADS = ("place", "done", "total: median", "quartiles", "first byte", "rate", "fastest in")
_STATES = {"unknown": "", "": ""}
_SHOWN_PAIRS = 30
_WIDTH = 100


def text(comparison: Comparison) -> str:
    """Give the comparison for a terminal, at most 100 columns wide."""
    lines: list[str] = [measured(comparison)]
    for title, places, pairs, fits in _groups(comparison):
        lines += ["", *([title] if title else []), *_aligned(_telling(places))]
        lines += ["", *_verdicts(pairs)] if len(pairs) else []
        told = list(_fit_lines(fits))
        lines += ["", "made of", *_aligned(told)] if told else []
    if comparison.warnings:
        lines.append("")
        for warning in comparison.warnings:
            lines += _wrapped(warning)
    return "\n".join(lines)


def html(comparison: Comparison) -> str:
    """Give the comparison as tables; inline style only, so that they show in an untrusted notebook."""
    from html import escape

    parts = [f"<p>{escape(measured(comparison))}</p>"]
    for title, places, pairs, fits in _groups(comparison):
        parts += [f"<p><b>{escape(title)}</b></p>"] if title else []
        parts.append(_html_table(_telling(places)))
        items = "".join(f"<li>{escape(line)}</li>" for line in _verdicts(pairs))
        parts += [f'<ul style="margin:4px 0">{items}</ul>'] if items else []
        told = list(_fit_lines(fits))
        parts += [_html_table([("made of", "", "", "", ""), *told])] if told else []
    warned = "".join(f"<li>{escape(warning)}</li>" for warning in comparison.warnings)
    parts += [f'<p>Before you believe it:</p><ul style="margin:4px 0">{warned}</ul>'] if warned else []
    return f"<div>{''.join(parts)}</div>"


def measured(comparison: Comparison) -> str:
    """Say in a line what was measured."""
    facts = comparison.facts
    failed = f" ({facts['failed']} failed)" if facts["failed"] else ""
    parts = [
        f"{facts['pulls']} pulls{failed} of {_count(facts['places'], 'place')} in {facts['rounds']} rounds"
    ]
    if facts["images"] != [""]:
        parts.append(_count(facts["images"], "image"))
    if facts["begun"]:
        begun, ended = (facts[name][:16].replace("T", " ") for name in ("begun", "ended"))
        parts.append(f"{begun} to {ended} UTC")
    return ", ".join(parts)


def _count(names: list[str], word: str) -> str:
    return f"{len(names)} {word}{'' if len(names) == 1 else 's'}"


def _groups(comparison: Comparison) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    keys = list(comparison.keys)
    places, pairs, fits = comparison.places(), comparison.pairs(), comparison.fits()
    for values in places[keys].drop_duplicates().itertuples(index=False):
        title = ", ".join(
            f"{value} cache" if key == "cache_state" else str(value)
            for key, value in zip(keys, values, strict=True)
            if value not in ("", "unknown")
        )
        yield title, _of(places, keys, values), _of(pairs, keys, values), _of(fits, keys, values)


def _of(frame: pd.DataFrame, keys: list[str], values: Any) -> pd.DataFrame:
    if frame.empty:
        return frame
    chosen = frame[keys].eq(list(values)).all(axis=1)
    return frame[chosen]


def _cells(places: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for row in places.sort_values(["total_median_s", "place"]).to_dict("records"):
        share = f"{row['success']:.0%} ({row['success_low']:.0%}–{row['success_high']:.0%})"
        yield (
            row["place"] or "(no name)",
            f"{row['ok']} of {row['n']}" + (f", {share}" if row["ok"] < row["n"] else ""),
            _time(row["total_median_s"]),
            f"{_time(row['total_q1_s'])} – {_time(row['total_q3_s'])}",
            _time(row["ttfb_median_s"]),
            "" if math.isnan(row["rate_median_bytes_s"]) else f"{size(row['rate_median_bytes_s'])}/s",
            ""
            if math.isnan(row["fastest"])
            else f"{row['fastest']:.0%} ({row['fastest_low']:.0%}–{row['fastest_high']:.0%})",
        )


def _telling(places: pd.DataFrame) -> list[tuple[str, ...]]:
    """Give the table with its head, without columns that say nothing."""
    rows = [_HEADS, *_cells(places)]
    kept = [number for number in range(len(_HEADS)) if any(row[number] for row in rows[1:])]
    return [tuple(row[number] for number in kept) for row in rows]


def _time(value: float) -> str:
    return "" if math.isnan(value) else "never" if math.isinf(value) else seconds(value)


def _verdicts(pairs: pd.DataFrame) -> list[str]:
    said = [str(each) for each in pairs["verdict"]] if len(pairs) else []
    more = len(said) - _SHOWN_PAIRS
    return said[:_SHOWN_PAIRS] + ([f"… and {more} more pairs"] if more > 0 else [])


def _fit_lines(fits: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield what each place's time is made of, where it can be told."""
    for row in fits.to_dict("records") if len(fits) else ():
        if not math.isnan(row["setup_s"]):
            rate = "no limit seen" if math.isinf(row["rate_bytes_s"]) else f"{size(row['rate_bytes_s'])}/s"
            yield (
                row["place"] or "(no name)",
                f"{seconds(row['setup_s'])} of setup",
                f"{seconds(row['rtt_s'])} a round trip",
                rate,
                f"off by {row['residual']:.1%} in the median",
            )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _wrapped(warning: str) -> list[str]:
    import textwrap

    return textwrap.wrap(warning, _WIDTH, initial_indent="note: ", subsequent_indent="      ")


def _html_table(rows: list[tuple[str, ...]]) -> str:
    from html import escape

    head = "".join(f'<th style="{_CELL}">{escape(cell)}</th>' for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows[1:]
    )
    return (
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def plain(comparison: Comparison) -> dict[str, Any]:
    """Give the comparison as plain data."""
    return {
        "format": 1,
        "measured": dict(comparison.facts),
        "places": _records(comparison.places()),
        "pairs": _records(comparison.pairs()),
        "fits": _records(comparison.fits()),
        "cautions": [
            {**key, "code": caution.code, "text": caution.text} for key, caution in comparison.cautions
        ],
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {str(name): _json(value) for name, value in row.items()} for row in frame.to_dict("records")
    ]
    return rows


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
