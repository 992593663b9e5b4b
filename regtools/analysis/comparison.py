"""What a comparison found, and how it shows itself: as text, as HTML, and as plain data for JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from regtools.display import columns, escape, html_table, one_unit, terminal_width, text_table, visible

from .cautions import Caution
from .pairing import named, plural
from .verdicts import headline, order

# The table of places: heading and unit of each column; the last ones are left out where they do not fit.
_HEADS = ("place", "done", "of all", "median", "quartiles", "fastest in", "rate", "first byte")
_NEEDED = 5
_NUMBERS = range(1, len(_HEADS))
_SHOWN_PAIRS = 30
_RATIO = "2× faster means that the other place takes 2 times as long; in brackets is the 95 % interval."
_MODEL = "Cost model: time = setup + round trips × round trip + bytes / rate, with 95 % intervals."


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What measured pulls say about places. Print it, or take the frames.

    Attributes:
        keys: the columns by which groups are kept apart; ``client`` and ``cache_state`` are the last.
        cautions: reasons to doubt a verdict, each with the group that it is about (key → value).
        registry: the place that is the registry itself, if known: the verdict says if no mirror is faster.
        facts: how it was measured: numbers of pulls, rounds, places, images, times of begin and end, seed.
    """

    keys: tuple[str, ...]
    cautions: tuple[tuple[Mapping[str, str], Caution], ...]
    facts: Mapping[str, Any]
    _places: pd.DataFrame = field(repr=False)
    _pairs: pd.DataFrame = field(repr=False)
    _fits: pd.DataFrame = field(repr=False)
    registry: str | None = None

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
    def verdict(self) -> str:
        """What the pulls say, in one sentence a group: the fastest place and the next, with both times."""
        return "\n".join(self.headlines())

    def headlines(self) -> list[str]:
        """Return the sentence of each group."""
        groups = list(self._groups())
        told = [headline(each.places, each.pairs, self.registry) for each in groups]
        if len(groups) == 1:
            return told
        return [f"{each.title}: {text}" for each, text in zip(groups, told, strict=True)]

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

    def to_markdown(self) -> str:
        """Return the verdict, the table of each group and what to know before you believe it, as Markdown."""
        lines = [f"**{_cell(each)}**" for each in self.headlines()]
        lines += ["", _measured(self.facts) + "."]
        for group in self._groups():
            heads, *rows = _place_lines(group.places, " ")
            marks = ["---", *["---:"] * (len(heads) - 1)]
            lines += ["", *([f"### {group.title}", ""] if group.title else [])]
            lines += [f"| {' | '.join(map(_cell, row))} |" for row in (heads, marks, *rows)]
            lines += ["", *(f"- {_cell(text)}" for text in group.verdicts), "", _RATIO]
        lines += ["", *(f"- note: {_cell(text)}" for text in self.warnings)] if self.warnings else []
        return "\n".join(lines)

    def __str__(self) -> str:
        width = terminal_width()
        groups = list(self._groups())
        parts = [_wrapped(self.headlines(), width, hang="  "), textwrap.wrap(_measured(self.facts), width)]
        for each in groups:
            heads = filter(None, (each.title, order(each.places, each.pairs)))
            parts.append(_wrapped(heads, width, hang="  "))
            parts.append(_fitting(_place_lines(each.places), width))
            parts.append(_wrapped(each.verdicts, width, hang="    "))
        parts.append(_wrapped([_RATIO], width, hang="") if len(self._pairs) else [])
        parts += [
            [
                *_wrapped([_MODEL, each.title] if len(groups) > 1 else [_MODEL], width, hang="  "),
                *_folded(fits, width),
            ]
            for each in groups
            if (fits := list(_fit_lines(each.fits)))
        ]
        parts.append(_wrapped((f"note: {text}" for text in self.warnings), width, hang="      "))
        return "\n\n".join("\n".join(lines) for lines in parts if lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(visible(text))}</b></p>" for text in self.headlines()]
        parts.append(f"<p>{escape(_measured(self.facts))}</p>")
        for each in self._groups():
            parts += [f"<p><b>{escape(each.title)}</b></p>"] if each.title else []
            parts += [f"<p>{escape(visible(text))}</p>" for text in [order(each.places, each.pairs)] if text]
            parts += [
                _scrolled(html_table(_place_lines(each.places, " "), right=_NUMBERS)),
                _list(each.verdicts),
            ]
            if fits := list(_fit_lines(each.fits)):
                parts += [f"<p>{escape(_MODEL)}</p>", _scrolled(html_table(fits, right=_NUMBERS))]
        parts += [f"<p>{escape(_RATIO)}</p>"] if len(self._pairs) else []
        parts += ["<p>Before you believe it:</p>", _list(self.warnings)] if self.warnings else []
        return f"<div>{''.join(parts)}</div>"

    def _groups(self) -> Iterator[Group]:
        """Yield each group of pulls that are compared with each other."""
        keys = list(self.keys)
        for values in self._places[keys].drop_duplicates().itertuples(index=False):
            title = ", ".join(filter(None, map(_words, keys, values)))
            places, pairs, fits = (
                table[table[keys].eq(list(values)).all(axis=1)]
                for table in (self._places, self._pairs, self._fits)
            )
            verdicts = list(pairs["verdict"])
            more = len(verdicts) - _SHOWN_PAIRS
            verdicts[_SHOWN_PAIRS:] = [f"… and {plural(more, 'more pair')}"] if more > 0 else []
            yield Group(visible(title), places, pairs, fits, verdicts)


class Group(NamedTuple):
    """The rows of one group, its title, and the sentences about its pairs."""

    title: str
    places: pd.DataFrame
    pairs: pd.DataFrame
    fits: pd.DataFrame
    verdicts: list[str]


def _words(key: str, value: object) -> str:
    """Return what the title of a group says of one key."""
    if key == "cache_state":
        return "" if value == "unknown" else f"{value} cache"
    return str(value)


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


def _place_lines(places: pd.DataFrame, unit_after: str = "\n") -> list[tuple[str, ...]]:
    """Return the table of places with its heading, without columns that are empty; one unit a column.

    Args:
        unit_after: what separates the unit from the name of a column: a line feed makes a row of units.
    """
    rows = places.sort_values(["total_median_s", "place"]).to_dict("records")
    unit, time = one_unit(row[f"total_{each}_s"] for row in rows for each in ("q1", "median", "q3"))
    cells = [
        (
            named(row["place"]),
            f"{row['n_ok']} of {row['n']}",
            _interval(row, "success"),
            time(row["total_median_s"]),
            f"{time(row['total_q1_s'])}–{time(row['total_q3_s'])}",
            ""
            if math.isnan(row["fastest"])
            else f"{row['fastest']:.0%}"[:-1] + f" ({_interval(row, 'fastest')})",
            "" if math.isnan(row["rate_median_bytes_s"]) else f"{row['rate_median_bytes_s'] / 1e6:.2f}",
            time(row["ttfb_median_s"]),
        )
        for row in rows
    ]
    units = ("", "", "%", unit, unit, "%", "MB/s", unit)
    heads = tuple(
        f"{name}{unit_after}{each}" if each else name for name, each in zip(_HEADS, units, strict=True)
    )
    kept = [column for column in zip(heads, *cells, strict=True) if any(column[1:])]
    return list(zip(*kept, strict=True))


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return a table's lines with a row of units; the last columns are left out where there is no room."""
    heads, *cells = rows
    pairs = [head.partition("\n") for head in heads]
    whole = [tuple(name for name, _, _ in pairs), tuple(unit for _, _, unit in pairs), *cells]
    fits = len(heads)
    while (
        fits > _NEEDED
        and max(map(columns, text_table((row[:fits] for row in whole), right=_NUMBERS))) > width
    ):
        fits -= 1
    return _folded([row[:fits] for row in whole], width)


def _interval(row: Mapping[Any, Any], name: str) -> str:
    """Return the interval of a share in percent."""
    return f"{100 * row[f'{name}_low']:.0f}–{100 * row[f'{name}_high']:.0f}"


def _fit_lines(fits: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield what each place's time is made of, if that can be told apart for one of them."""
    known = fits[fits["told_apart"].astype(bool)].to_dict("records")
    if known:
        yield "place", "setup (ms)", "round trip (ms)", "rate (MB/s)", "median error (%)"
    for row in known:
        yield (
            named(row["place"]),
            _part(row, "setup", "s", 1e3),
            _part(row, "rtt", "s", 1e3),
            _part(row, "rate", "bytes_s", 1e-6),
            f"{100 * row['residual']:.1f}",
        )


def _part(row: Mapping[Any, Any], name: str, unit: str, factor: float) -> str:
    value, low, high = (factor * row[f"{name}_{each}{unit}"] for each in ("", "low_", "high_"))
    return f"{value:.3g}" if low == high else f"{value:.3g} ({low:.3g}–{high:.3g})"


def _folded(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return a table's lines; columns that do not fit follow below, again beside the first one."""
    first, *rest = zip(*rows, strict=True)
    parts = [[first]]
    for column in rest:
        taken = sum(max(map(columns, map(visible, each))) + 2 for each in [*parts[-1], column])
        if taken - 2 > width and len(parts[-1]) > 1:
            parts.append([first])
        parts[-1].append(column)
    return [
        line for part in parts for line in text_table(zip(*part, strict=True), right=_NUMBERS, width=width)
    ]


def _wrapped(lines: Iterable[str], width: int, hang: str) -> list[str]:
    options: dict[str, Any] = {"break_on_hyphens": False, "subsequent_indent": hang}
    return [part for line in lines for part in textwrap.wrap(visible(line), width, **options)]


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(visible(line))}</li>" for line in lines)
    return f'<ul style="margin:4px 0">{items}</ul>' if items else ""


def _scrolled(table: str) -> str:
    """Return a table that a narrow page can move sideways."""
    return f'<div style="overflow-x:auto;white-space:nowrap">{table}</div>'


def _cell(text: str) -> str:
    return visible(text).replace("|", "\\|")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]
