"""Which order is chosen for an entry: the best one, where its gain over the current order is certain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from regtools.registries.entries import Registry

from .expected import best_order, gains, interval, mean_time
from .mirrors import PRIMARY, Case, NoChoice


@dataclass(frozen=True, slots=True)
class Choice:
    """The order chosen for one entry.

    ``after`` are the indices of the entry's mirrors in their new order. Times are expected seconds of a pull;
    ``low`` and ``high`` bound the gain. ``lines`` say what was measured.
    """

    entry: Registry
    images: tuple[str, ...]
    after: tuple[int, ...]
    before_s: float
    after_s: float
    low: float
    high: float
    lines: tuple[str, ...]


def ending(cases: Iterable[Case]) -> list[int]:
    """Return the registry itself, which is asked last, if it was measured in every case."""
    return [PRIMARY] if all(PRIMARY in case.places for case in cases) else []


def best(cases: Sequence[Case]) -> list[int]:
    """Return the order of mirrors with the least mean of the expected times, each case and image alike."""
    images = [image for case in cases for image in case.measured]
    return best_order(images, cases[0].now, ending(cases))


def decide(cases: Sequence[Case], order: Sequence[int], lines: Iterable[str], *, seed: int) -> Choice:
    """Return the choice of an order, for one case or for the same entry at several vantage points.

    Args:
        cases: with the same mirrors.
        order: what :func:`best` returned for them.
        lines: what was measured, for the choice.
        seed: of the bootstrap.

    Raises:
        NoChoice: the order is the current one, or its gain is not certain.
    """
    first, end = cases[0], ending(cases)
    now, then = [*first.now, *end], [*order, *end]
    before_s, after_s = (
        float(np.mean([mean_time(case.measured, each) for case in cases])) for each in (now, then)
    )
    names = ", ".join(first.places[index] for index in order)
    alone = len(cases) == 1
    if now == then:
        which = f"the best of all: {names}" if alone else "the best for all"
        kept = f"the current order is {which}" if len(order) > 1 else f"{names} is its only mirror"
        raise NoChoice(f"{kept}, expected {before_s:.3g} s a pull")
    drawn = [gains(case.measured, now, then, seed=seed + number) for number, case in enumerate(cases)]
    low, high = interval(np.mean(drawn, axis=0), len(order))
    if low <= 0:
        which = f"the order {names}" if alone else "the best common order"
        saved = f"{before_s - after_s:.2g} s of {before_s:.3g} s"
        bounds = f"between {low:.2g} and {high:.2g} s"
        raise NoChoice(f"{which} would save {saved}, but that is not sure: {bounds}")
    images = tuple(dict.fromkeys(image for case in cases for image in case.images))
    return Choice(first.entry, images, first.seated(order), before_s, after_s, low, high, tuple(lines))


def without_mirrors(case: Case, order: Sequence[int], *, seed: int) -> tuple[float, float] | None:
    """Return the expected seconds of the registry alone and of an order, if the first are surely less."""
    if PRIMARY not in case.places:
        return None
    with_mirrors = [*order, PRIMARY]
    low, _ = interval(gains(case.measured, with_mirrors, [PRIMARY], seed=seed), 1)
    return (mean_time(case.measured, [PRIMARY]), mean_time(case.measured, with_mirrors)) if low > 0 else None


def described(case: Case, order: Iterable[int]) -> Iterator[str]:
    """Yield a line a source that says what was measured of it."""
    for index in order:
        measured = [image[index] for image in case.measured]
        place = case.places[index]
        n, done = (
            int(sum(float(each.sum()) for each in column))
            for column in zip(*((m.n, m.done) for m in measured), strict=True)
        )
        if not done:
            yield f"{place}: never done in {n} pulls"
            continue
        mean = sum(float(each.time.sum()) for each in measured) / done
        lost = f", a failure costs {max(each.cost for each in measured):.3g} s" if done < n else ""
        yield f"{place}: {mean:.3g} s on average, {done} of {n} pulls done{lost}"
