"""What a comparison found, and how it shows itself: as text, as HTML, and as plain data for JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from regtools.display import columns, escape, html_table, seconds, size, terminal_width, text_table, visible

from .cautions import Caution
from .pairing import named, plural

_HEADS = ("place", "done", "median", "quartiles", "fastest in", "first byte", "rate")
_SHOWN_PAIRS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What measured pulls say about places. Print it, or take the frames.

    Attributes:
        keys: the columns by which groups are kept apart; ``client`` and ``cache_state`` are the last.
        cautions: reasons to doubt a verdict, each with the group that it is about (key → value).
        facts: how it was measured: numbers of pulls, rounds, places, images, times of begin and end, seed.
    """

    keys: tuple[str, ...]
    cautions: tuple[tuple[Mapping[str, str], Caution], ...]
    facts: Mapping[str, Any]
    _places: pd.DataFrame = field(repr=False)
    _pairs: pd.DataFrame = field(repr=False)
    _fits: pd.DataFrame = field(repr=False)

    def places(self) -> pd.DataFrame:
        """Return one row a place (and group): counts, success, quartiles, how often fastest.

        Columns, after the keys: ``place``, ``n`` pulls, ``n_ok`` of them done (``ok`` holds the same number),
        ``success``, the share of these, with ``success_low`` and ``success_high`` (Wilson, 95 %); ``q1``,
        ``median`` and ``q3`` of ``total`` and ``ttfb`` (seconds) and of ``rate`` (bytes fetched a second of
        transfer), such as ``total_median_s``; ``fastest`` with ``fastest_low`` and ``fastest_high``, the
        share of rounds (and images) that the place won.

        In ``total`` a failed pull counts as infinitely slow: where half of them failed, the median is
        infinite. First byte and rate are those of the pulls that were done.
        """
        return self._places.copy()

    def pairs(self) -> pd.DataFrame:
        """Return one row a pair of places (and group), the faster place first.

        Columns, after the keys: ``place``, ``baseline``, ``ratio`` (the baseline's time over the place's, so
        2 is "twice as fast") with ``low`` and ``high`` (95 %), ``differs``, ``verdict``; then ``n`` pairs in
        ``rounds`` rounds, and in how many of them only the place, only the baseline, or both failed:
        ``failed``, ``baseline_failed``, ``both_failed``.
        """
        return self._pairs.copy()

    def fits(self) -> pd.DataFrame:
        """Return what the times are made of, one row a place (and group).

        Columns, after the keys: ``place``, ``setup_s``, ``rtt_s``, ``rate_bytes_s``, ``residual``, ``n`` and
        ``note``.

        See :mod:`regtools.analysis.fit`; a part that cannot be determined is NaN, and ``note`` says why.
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
        """Return :meth:`places`."""
        return self.places()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON; what is infinite or unknown is None."""
        tables = {"places": self._places, "pairs": self._pairs, "fits": self._fits}
        return {
            "format": 1,
            "measured": dict(self.facts),
            **{name: _records(table) for name, table in tables.items()},
            "cautions": [
                {**key, "code": caution.code, "text": caution.text} for key, caution in self.cautions
            ],
        }

    def __str__(self) -> str:
        width = terminal_width()
        parts = [textwrap.wrap(_measured(self.facts), width)]
        for title, places, verdicts, fits in self._groups():
            parts.append([*([title] if title else []), *_folded(places, width)])
            parts.append(_wrapped(verdicts, width, hang="    "))
            parts.append(["made of", *_folded(fits, width)] if fits else [])
        parts.append(_wrapped((f"note: {text}" for text in self.warnings), width, hang="      "))
        return "\n\n".join("\n".join(lines) for lines in parts if lines)

    def _repr_html_(self) -> str:
        parts = [f"<p>{escape(_measured(self.facts))}</p>"]
        for title, places, verdicts, fits in self._groups():
            parts += [f"<p><b>{escape(title)}</b></p>"] if title else []
            parts += [html_table(places), _list(verdicts)]
            parts += [html_table([("made of",), *fits])] if fits else []
        parts += ["<p>Before you believe it:</p>", _list(self.warnings)] if self.warnings else []
        return f"<div>{''.join(parts)}</div>"

    def _groups(self) -> Iterator[tuple[str, list[tuple[str, ...]], list[str], list[tuple[str, ...]]]]:
        """Yield each group: its title, the table of its places, its verdicts, what the times are made of."""
        keys = list(self.keys)
        for values in self._places[keys].drop_duplicates().itertuples(index=False):
            title = ", ".join(
                f"{value} cache" if key == "cache_state" else str(value)
                for key, value in zip(keys, values, strict=True)
                if value not in ("", "unknown")
            )
            places, pairs, fits = (
                table[table[keys].eq(list(values)).all(axis=1)]
                for table in (self._places, self._pairs, self._fits)
            )
            verdicts = list(pairs["verdict"])
            more = len(verdicts) - _SHOWN_PAIRS
            verdicts[_SHOWN_PAIRS:] = [f"… and {plural(more, 'more pair')}"] if more > 0 else []
            yield visible(title), _place_lines(places), verdicts, list(_fit_lines(fits))


def _measured(facts: Mapping[str, Any]) -> str:
    """Return a line that says what was measured."""
    failed = f" ({facts['failed']} failed)" if facts["failed"] else ""
    pulls, places = plural(facts["pulls"], "pull"), plural(len(facts["places"]), "place")
    parts = [f"{pulls}{failed} of {places} in {plural(facts['rounds'], 'round')}"]
    if facts["images"] != [""]:
        parts.append(plural(len(facts["images"]), "image"))
    if facts["begun"]:
        begun, ended = (facts[name][:16].replace("T", " ") for name in ("begun", "ended"))
        parts.append(f"{begun} to {ended} UTC")
    return ", ".join(parts)


def _place_lines(places: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the table of places with its heading, without columns that are empty."""
    rows = []
    for row in places.sort_values(["total_median_s", "place"]).to_dict("records"):
        done, rate = f"{row['n_ok']} of {row['n']}", row["rate_median_bytes_s"]
        rows.append(
            (
                named(row["place"]),
                done if row["n_ok"] == row["n"] else f"{done}, {_share(row, 'success')}",
                _time(row["total_median_s"]),
                f"{_time(row['total_q1_s'])} – {_time(row['total_q3_s'])}",
                "" if math.isnan(row["fastest"]) else _share(row, "fastest"),
                _time(row["ttfb_median_s"]),
                "" if math.isnan(rate) else f"{size(rate)}/s",
            )
        )
    kept = [column for column in zip(_HEADS, *rows, strict=True) if any(column[1:])]
    return list(zip(*kept, strict=True))


def _share(row: Mapping[Any, Any], name: str) -> str:
    return f"{row[name]:.0%} ({row[f'{name}_low']:.0%}–{row[f'{name}_high']:.0%})"


def _time(value: float) -> str:
    return "" if math.isnan(value) else "never" if math.isinf(value) else seconds(value)


def _fit_lines(fits: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield what each place's time is made of, where it can be determined."""
    for row in fits[fits["setup_s"].notna()].to_dict("records"):
        rate = "no limit seen" if math.isinf(row["rate_bytes_s"]) else f"{size(row['rate_bytes_s'])}/s"
        yield (
            named(row["place"]),
            f"{seconds(row['setup_s'])} of setup",
            f"{seconds(row['rtt_s'])} a round trip",
            rate,
            f"median error {row['residual']:.1%}",
        )


def _folded(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return a table's lines; columns that do not fit follow below, again beside the first one."""
    first, *rest = zip(*rows, strict=True)
    parts = [[first]]
    for column in rest:
        taken = sum(max(map(columns, map(visible, each))) + 2 for each in [*parts[-1], column])
        if taken - 2 > width and len(parts[-1]) > 1:
            parts.append([first])
        parts[-1].append(column)
    return [line for part in parts for line in text_table(zip(*part, strict=True), width=width)]


def _wrapped(lines: Iterable[str], width: int, hang: str) -> list[str]:
    options: dict[str, Any] = {"break_on_hyphens": False, "subsequent_indent": hang}
    return [part for line in lines for part in textwrap.wrap(visible(line), width, **options)]


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(visible(line))}</li>" for line in lines)
    return f'<ul style="margin:4px 0">{items}</ul>' if items else ""


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]
