"""How a comparison shows itself: text for the terminal, a table for JupyterLab, plain data for JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regtools.display import escape, html_table, seconds, size, text_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    import pandas as pd

    from .cautions import Caution

__all__ = ["Comparison", "html", "measured", "plain", "text"]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What measured pulls say about places. Print it; or take the frames.

    Attributes:
        keys: the columns by which groups are kept apart; ``client`` and ``cache_state`` are the last.
        cautions: what stands against a verdict, each with the group that it is about (key → value).
        facts: how it was measured: numbers of pulls, rounds, places, images, times of begin and end, seed.
    """

    keys: tuple[str, ...]
    cautions: tuple[tuple[Mapping[str, str], Caution], ...]
    facts: Mapping[str, Any]
    _places: pd.DataFrame = field(repr=False)
    _pairs: pd.DataFrame = field(repr=False)
    _fits: pd.DataFrame = field(repr=False)

    def places(self) -> pd.DataFrame:
        """Give one row a place (and group): counts, success, quartiles, how often fastest.

        Columns, after the keys: ``place``, ``n``, ``ok``, ``success`` with ``success_low`` and
        ``success_high`` (Wilson, 95 %); ``q1``, ``median`` and ``q3`` of ``total`` and ``ttfb`` (seconds) and
        of ``rate`` (bytes fetched a second of transfer), such as ``total_median_s``; ``fastest`` with
        ``fastest_low`` and ``fastest_high``, the share of rounds (and images) that the place won.

        In ``total`` a failed pull takes for ever: with half of them failed the median is infinite. First byte
        and rate are of the pulls that were done.
        """
        return self._places.copy()

    def pairs(self) -> pd.DataFrame:
        """Give one row a pair of places (and group), the faster place first.

        Columns, after the keys: ``place``, ``baseline``, ``ratio`` (the baseline's time over the place's, so
        2 is "twice as fast") with ``low`` and ``high`` (95 %), ``differs``, ``verdict``; then ``n`` pairs in
        ``rounds`` rounds, and in how many of them the one, the other or both ``failed``.
        """
        return self._pairs.copy()

    def fits(self) -> pd.DataFrame:
        """Give one row a place (and group): ``setup_s``, ``rtt_s``, ``rate_bytes_s``, ``residual``, ``note``.

        See :mod:`regtools.analysis.fit`; a part that cannot be told is NaN, and ``note`` says why.
        """
        return self._fits.copy()

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The sentences of :meth:`pairs`, in its order."""
        return tuple(self._pairs["verdict"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """The texts of :attr:`cautions`, each once."""
        return tuple(dict.fromkeys(caution.text for _, caution in self.cautions))

    def to_frame(self) -> pd.DataFrame:
        """Give :meth:`places`."""
        return self.places()

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain data for JSON; what is infinite or unknown is None."""

        return plain(self)

    def __str__(self) -> str:

        return text(self)

    def _repr_html_(self) -> str:

        return html(self)


_HEADS = ("place", "done", "total: median", "quartiles", "first byte", "rate", "fastest in")
_STATES = {"unknown": "", "": ""}
_SHOWN_PAIRS = 30
_WIDTH = 100


def text(comparison: Comparison) -> str:
    """Give the comparison for a terminal, at most 100 columns wide."""
    lines: list[str] = [measured(comparison)]
    for title, places, pairs, fits in _groups(comparison):
        lines += ["", *([title] if title else []), *text_table(_telling(places))]
        lines += ["", *_verdicts(pairs)] if len(pairs) else []
        told = list(_fit_lines(fits))
        lines += ["", "made of", *text_table(told)] if told else []
    if comparison.warnings:
        lines.append("")
        for warning in comparison.warnings:
            lines += _wrapped(warning)
    return "\n".join(lines)


def html(comparison: Comparison) -> str:
    """Give the comparison as tables; inline style only, so that they show in an untrusted notebook."""
    parts = [f"<p>{escape(measured(comparison))}</p>"]
    for title, places, pairs, fits in _groups(comparison):
        parts += [f"<p><b>{escape(title)}</b></p>"] if title else []
        parts.append(html_table(_telling(places)))
        items = "".join(f"<li>{escape(line)}</li>" for line in _verdicts(pairs))
        parts += [f'<ul style="margin:4px 0">{items}</ul>'] if items else []
        told = list(_fit_lines(fits))
        parts += [html_table([("made of", "", "", "", ""), *told])] if told else []
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


def _wrapped(warning: str) -> list[str]:
    import textwrap

    return textwrap.wrap(warning, _WIDTH, initial_indent="note: ", subsequent_indent="      ")


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
