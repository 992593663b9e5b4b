"""Advice for many vantage points: a file for each, the one file that is best for all, and what that costs.

The common order is the one with the least mean of the expected times, where each vantage point and image
counts the same. What it costs a vantage point is its expected time beside that of its own best order.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from regtools.display import escape, html_table, one_unit, terminal_width, text_table, visible

from .choice import Choice, best, decide, ending
from .expected import gains, interval, mean_time
from .mirrors import Case, NoChoice

_COLUMNS = ("vantage", "prefix", "now_s", "own_s", "for_all_s", "loss_s", "low", "high")
_HEADS = ("vantage", "entry", "now", "own order", "for all", "lost by it")


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What measurements at several vantage points support. Print it, or take the files.

    Attributes:
        files: vantage point → drop-in, where the order should change there.
        refused: vantage point → why nothing is advised there.
        for_all: the drop-in that is best for all together; None where the current order is, or no gain is
            certain.
        reasons: why ``for_all`` leaves entries as they are.
    """

    files: Mapping[str, str]
    refused: Mapping[str, tuple[str, ...]]
    for_all: str | None
    reasons: tuple[str, ...]
    _costs: pd.DataFrame = field(repr=False)

    def costs(self) -> pd.DataFrame:
        """Return what the common order costs: a row a vantage point and entry.

        Columns: ``vantage``, ``prefix``; expected seconds of a pull ``now_s``, ``own_s`` (with the best order
        of that vantage point) and ``for_all_s`` (with the best common order); ``loss_s``, the last less the
        one before it, with ``low`` and ``high`` (95 %, from the bootstrap over rounds).
        """
        return self._costs.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return :meth:`costs`."""
        return self.costs()

    def __str__(self) -> str:
        width = terminal_width()
        lines = (line for each in self._lines() for line in textwrap.wrap(visible(each), width))
        table = text_table(self._rows(), right=range(2, 6), width=width)
        return "\n".join([*textwrap.wrap(visible(self.verdict), width), "", *table, "", *lines])

    @property
    def verdict(self) -> str:
        """What changes for all together, in one sentence with both numbers."""
        now, then = (float(self._costs[name].mean()) for name in ("now_s", "for_all_s"))
        if self.for_all is not None:
            return f"One file for all: {then:.3g} s a pull on average instead of {now:.3g} s."
        if self.files:
            towns = ", ".join(sorted(self.files))
            return f"No file for all is surely faster than {now:.3g} s a pull; one of its own helps {towns}."
        return f"No change is needed: {now:.3g} s a pull on average, and no other order is surely faster."

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(visible(line))}</li>" for line in self._lines())
        top = f"<p><b>{escape(visible(self.verdict))}</b></p>"
        return f'{top}{html_table(self._rows(), right=range(2, 6))}<ul style="margin:4px 0">{items}</ul>'

    def _rows(self) -> Iterator[tuple[str, ...]]:
        unit, time = one_unit(self._costs[["now_s", "own_s", "for_all_s"]].to_numpy().ravel())
        yield *_HEADS[:2], *(f"{head} ({unit})" for head in _HEADS[2:])
        for vantage, prefix, *times, loss, low, high in self._costs.itertuples(index=False):
            lost = f"{time(loss)} ({time(max(low, 0.0))}–{time(high)})" if loss > 0 else "nothing"
            yield str(vantage), str(prefix), *map(time, times), lost

    def _lines(self) -> Iterator[str]:
        for vantage in sorted({*self.files, *self.refused}):
            why = self.refused.get(vantage)
            yield f"{vantage}: {'a file of its own' if why is None else 'left as it is: ' + '; '.join(why)}"
        if self.for_all is not None:
            yield "for all: one file"
        for reason in self.reasons:
            yield f"for all: left as it is: {reason}"


def common(
    found: Mapping[str, Mapping[str, Case]], own: Mapping[str, Mapping[str, Sequence[int]]], *, seed: int
) -> tuple[list[Choice], list[str], pd.DataFrame]:
    """Find the best common order of each entry.

    Args:
        found: vantage point → prefix → case.
        own: vantage point → prefix → the order that is best there.
        seed: of the bootstrap.

    Returns: the choices, why other entries have none, and the frame of :meth:`Advice.costs`.
    """
    made, reasons, costs = [], [], []
    for prefix in dict.fromkeys(prefix for each in found.values() for prefix in each):
        here = {vantage: each[prefix] for vantage, each in found.items() if prefix in each}
        absent = [vantage for vantage in found if vantage not in here]
        if absent:
            reasons.append(f"{prefix}: {', '.join(absent)} cannot be judged, and is not counted")
        cases = list(here.values())
        if any(case.now != cases[0].now for case in cases):
            reasons.append(f"{prefix}: podman contacts other mirrors at one vantage point than at another")
            continue
        order, end = best(cases), ending(cases)
        rows = [
            (vantage, prefix, *_cost(case, own[vantage][prefix], order, end, seed))
            for vantage, case in here.items()
        ]
        lines = [
            f"{vantage}: {for_all_s:.3g} s a pull, now {now_s:.3g} s; with an order of its own {own_s:.3g} s"
            for vantage, _, now_s, own_s, for_all_s, *_ in rows
        ]
        costs += rows
        try:
            made.append(decide(cases, order, lines, seed=seed))
        except NoChoice as reason:
            reasons.append(f"{prefix}: {reason}")
    return made, reasons, pd.DataFrame(costs, columns=list(_COLUMNS))


def _cost(
    case: Case, own: Sequence[int], order: Sequence[int], end: Sequence[int], seed: int
) -> tuple[float, ...]:
    """Return the last six columns of the costs."""
    now_s, own_s, all_s = (mean_time(case.measured, [*each, *end]) for each in (case.now, own, order))
    lost = gains(case.measured, [*order, *end], [*own, *end], seed=seed)
    return (now_s, own_s, all_s, all_s - own_s, *interval(lost, len(order)))
