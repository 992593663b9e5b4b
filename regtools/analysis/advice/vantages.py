"""Advice for many vantage points: a file for each, the one file that is best for all, and what that costs.

The common order is the one with the least mean of the expected times, each vantage point and image counting
the same. What it costs a vantage point is its expected time beside that of the best order of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .choice import SEED, Choice, choices, costs, counted, no_advice, pairs
from .expected import best_order, gains, interval, mean_time
from .mirrors import cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import pandas as pd

    from regtools.registries.conf import RegistriesConf

    from .expected import Measured
    from .mirrors import Case

__all__ = ["Advice", "advise_each"]

_COLUMNS = ("vantage", "prefix", "now_s", "own_s", "for_all_s", "loss_s", "low", "high")
_END = "the registry itself"
_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What measurements at several vantage points speak for. Print it; or take the files.

    Attributes:
        files: vantage point → drop-in, where the order should change there.
        refused: vantage point → why nothing is advised there.
        for_all: the drop-in that is best for all together; None where the present one is, or nothing is sure.
        reasons: why ``for_all`` leaves entries as they are.
    """

    files: Mapping[str, str]
    refused: Mapping[str, tuple[str, ...]]
    for_all: str | None
    reasons: tuple[str, ...]
    _costs: pd.DataFrame = field(repr=False)

    def costs(self) -> pd.DataFrame:
        """Give what the common order costs: a row a vantage point and entry.

        Columns: ``vantage``, ``prefix``; expected seconds of a pull ``now_s``, ``own_s`` (with the best order
        of that vantage point) and ``for_all_s`` (with the best common order); ``loss_s``, the last less the
        one before it, with ``low`` and ``high`` (95 %, from the bootstrap over rounds).
        """
        return self._costs.copy()

    def to_frame(self) -> pd.DataFrame:
        """Give :meth:`costs`."""
        return self.costs()

    def __str__(self) -> str:
        rows = [_HEADS, *_rows(self._costs)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
        cells = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        )
        return "\n".join([*(line.rstrip() for line in cells), "", *self._told()])

    def _repr_html_(self) -> str:
        from html import escape

        head, *body = (
            "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row)
            for row in (_HEADS, *_rows(self._costs))
        )
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        told = "".join(f"<li>{escape(line)}</li>" for line in self._told())
        return (
            f'<table style="border-collapse:collapse"><tr style="font-weight:bold">{head}</tr>{rows}</table>'
            f'<ul style="margin:4px 0">{told}</ul>'
        )

    def _told(self) -> Iterator[str]:
        for vantage in sorted({*self.files, *self.refused}):
            why = self.refused.get(vantage)
            yield f"{vantage}: {'a file of its own' if why is None else 'left as it is: ' + '; '.join(why)}"
        if self.for_all is not None:
            yield "for all: one file"
        for reason in self.reasons:
            yield f"for all: left as it is: {reason}"


_HEADS = ("vantage", "entry", "now", "own order", "one for all", "lost by it")


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    from regtools.display import seconds

    for row in table.itertuples(index=False):
        vantage, prefix, *times, loss, low, high = row
        lost = f"{seconds(loss)} ({seconds(max(low, 0.0))} – {seconds(high)})" if loss > 0 else "nothing"
        yield str(vantage), str(prefix), *map(seconds, times), lost


def advise_each(
    pulls: Any,
    conf: RegistriesConf,
    *,
    requests: pd.DataFrame | None = None,
    cache_state: str | None = None,
    by: str = "vantage",
    seed: int = SEED,
) -> Advice:
    """Advise every vantage point, and all together; see :func:`regtools.analysis.advice.advise.advise`.

    Raises:
        RegtoolsError: kind ``no-advice``: no vantage point is recorded, or none supports any judgement.
    """
    if by != "vantage":
        raise no_advice(
            [f"files cannot be written by {by!r}"], 'the only way to keep them apart is "vantage"'
        )
    table, state = counted(pulls, cache_state)
    if not any(map(str, table["vantage"].unique())):
        raise no_advice(["no vantage points are recorded"], "leave out by: one file for where you stand")
    files: dict[str, str] = {}
    refused: dict[str, tuple[str, ...]] = {}
    found: dict[str, dict[str, Case]] = {}
    for name, part in table.groupby("vantage", sort=True, observed=True):
        vantage, attempts = str(name), costs(_at(pulls, str(name)), requests)
        found[vantage], _ = cases(part, conf, attempts)
        made, told = choices(part, conf, attempts, seed=seed)
        if made:
            files[vantage] = _written(part, state, made, told, conf)
        else:
            refused[vantage] = tuple(told)
    if not any(found.values()):
        raise no_advice([f"{vantage}: {'; '.join(told)}" for vantage, told in refused.items()])
    common, reasons, rows = _common(found, seed)
    text = _written(table, state, common, reasons, conf) if common else None
    return Advice(files, refused, text, tuple(reasons), _frame(rows))


def _at(pulls: Any, vantage: str) -> Any:
    """Take the pulls of one vantage point: what a failure costs differs from place to place."""
    if not hasattr(pulls, "columns"):
        return [pull for pull in pulls if pull.vantage == vantage]
    return pulls[pulls["vantage"].astype("string").fillna("") == vantage] if "vantage" in pulls else pulls


def _written(
    table: pd.DataFrame, state: str, made: list[Choice], refused: list[str], conf: RegistriesConf
) -> str:
    from .choice import dropin

    return dropin(table, state, made, refused, conf)


# -- the one for all -------------------------------------------------------------------------------------


def _common(
    found: Mapping[str, Mapping[str, Case]], seed: int
) -> tuple[list[Choice], list[str], list[dict[str, Any]]]:
    """Find the best common order of each entry; give the choices, why others have none, and the costs."""
    made, reasons, rows = [], [], []
    for prefix in dict.fromkeys(prefix for each in found.values() for prefix in each):
        here = {vantage: each[prefix] for vantage, each in found.items() if prefix in each}
        absent = [vantage for vantage in found if vantage not in here]
        if absent:
            reasons.append(f"{prefix}: {', '.join(absent)} cannot be judged, and is not counted")
        if len({tuple(case.places) for case in here.values()}) > 1:
            reasons.append(f"{prefix}: podman contacts other mirrors at one vantage point than at another")
            continue
        question = _Question.of(here, seed)
        rows += [{"prefix": prefix, **row} for row in question.rows()]
        choice = question.choice()
        if isinstance(choice, str):
            reasons.append(f"{prefix}: {choice}")
        else:
            made.append(choice)
    return made, reasons, rows


@dataclass(frozen=True, slots=True)
class _Question:
    """One entry at several vantage points. Mirrors go by number: places may have other names there."""

    cases: dict[str, Case]
    measured: dict[str, list[dict[str, Measured]]]
    now: list[str]
    end: list[str]
    best: list[str]
    seed: int

    @classmethod
    def of(cls, cases: dict[str, Case], seed: int) -> _Question:
        """Bring the cases together, and find the best order."""
        measured = {vantage: _numbered(case) for vantage, case in cases.items()}
        end = [_END] if all(case.end for case in cases.values()) else []
        now = [str(index) for index in next(iter(cases.values())).places]
        best = best_order([image for each in measured.values() for image in each], now, end)
        return cls(cases, measured, now, end, best, seed)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give what the common order costs each vantage point."""
        for vantage, images in self.measured.items():
            own = best_order(images, self.now, self.end)
            lost = gains(images, [*self.best, *self.end], [*own, *self.end], seed=self.seed)
            low, high = interval(lost, pairs(self.now))
            now_s, own_s, all_s = (
                mean_time(images, [*order, *self.end]) for order in (self.now, own, self.best)
            )
            yield {
                "vantage": vantage,
                **dict(zip(("now_s", "own_s", "for_all_s"), (now_s, own_s, all_s), strict=True)),
                "loss_s": all_s - own_s,
                "low": low,
                "high": high,
            }

    def choice(self) -> Choice | str:
        """Give the choice, or why there is none."""
        now_s, best_s = (self._mean(order) for order in (self.now, self.best))
        if self.best == self.now:
            return f"the present order is the best for all, expected {now_s:.3g} s a pull"
        drawn = [
            gains(images, [*self.now, *self.end], [*self.best, *self.end], seed=self.seed + number)
            for number, images in enumerate(self.measured.values())
        ]
        low, high = interval(np.mean(drawn, axis=0), pairs(self.now))
        if low <= 0:
            return (
                f"the best common order would save {now_s - best_s:.2g} s of {now_s:.3g} s, but that is not "
                f"sure: between {low:.2g} and {high:.2g} s"
            )
        case = next(iter(self.cases.values()))
        images = tuple(dict.fromkeys(image for each in self.cases.values() for image in each.images))
        after = case.seated([int(each) for each in self.best])
        return Choice(case.entry, images, after, now_s, best_s, low, high, tuple(self._told()))

    def _mean(self, order: Sequence[str]) -> float:
        return float(np.mean([mean_time(each, [*order, *self.end]) for each in self.measured.values()]))

    def _told(self) -> Iterator[str]:
        for row in self.rows():
            yield (
                f"{row['vantage']}: {row['for_all_s']:.3g} s a pull, now {row['now_s']:.3g} s; "
                f"with an order of its own {row['own_s']:.3g} s"
            )


def _numbered(case: Case) -> list[dict[str, Measured]]:
    names = {place: str(index) for index, place in case.places.items()}
    names |= dict.fromkeys(case.end, _END)
    return [{names[place]: each for place, each in image.items()} for image in case.measured]


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(_COLUMNS))
