"""The words for what a pair of places showed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["MIN_ROUNDS", "named", "plural", "verdict"]

MIN_ROUNDS = 10


def verdict(pair: Mapping[str, Any]) -> str:
    """Return a sentence that says what one row of ``pairs()`` means.

    >>> verdict({"place": "near", "baseline": "far", "ratio": 2.1, "low": 1.9, "high": 2.4, "rounds": 20})
    'near is 2.1× faster than far (1.9–2.4)'
    >>> verdict({"place": "near", "baseline": "far", "ratio": 1.01, "low": 0.93, "high": 1.08, "rounds": 20})
    'no difference shown between near and far (0.93–1.08)'
    """
    one, other = named(pair["place"]), named(pair["baseline"])
    ratio, low, high, rounds = pair["ratio"], pair["low"], pair["high"], pair["rounds"]
    if rounds < MIN_ROUNDS:
        common = f"{plural(rounds, 'round')} in common, at least {MIN_ROUNDS} are needed"
        return f"no verdict on {one} and {other}: {common}"
    if low <= 1 <= high:
        return f"no difference shown between {one} and {other} {_between(low, high)}"
    if ratio < 1:
        turned = (1 / each if each else math.inf for each in (ratio, high, low))
        return _difference(one, other, "slower", *turned)
    return _difference(one, other, "faster", ratio, low, high)


def _difference(one: str, other: str, word: str, ratio: float, low: float, high: float) -> str:
    if math.isinf(ratio):
        failing = other if word == "faster" else one
        least = "" if math.isinf(low) else f"at least {_figure(low)}× "
        return f"{one} is {least}{word} than {other}: {failing} failed too often for a ratio"
    return f"{one} is {_figure(ratio)}× {word} than {other} {_between(low, high)}"


def _between(low: float, high: float) -> str:
    if math.isinf(high):
        return f"({_figure(low)} or more)" if low > 0 else "(anything is possible)"
    return f"({_figure(low)}–{_figure(high)})" if low > 0 else f"({_figure(high)} or less)"


def _figure(ratio: float) -> str:
    """Return a ratio with as many digits as it takes to see how far it is from 1.

    >>> [_figure(each) for each in (2.13, 1.204, 1.0213, 31.4)]
    ['2.1', '1.20', '1.02', '31']
    """
    if math.isinf(ratio) or ratio <= 0:
        return "∞" if ratio > 0 else "0"
    if ratio >= 10:
        return f"{ratio:.0f}"
    if ratio >= 1.5:
        return f"{ratio:.1f}"
    distance = abs(ratio - 1)
    digits = -math.floor(math.log10(distance)) if distance > 1e-4 else 2
    return f"{ratio:.{min(max(digits, 2), 4)}f}"


def named(place: str) -> str:
    """Return a place's name, or words for the empty one."""
    return place or "(no name)"


def plural(count: int, noun: str) -> str:
    """Return a number of things.

    >>> plural(1, "round"), plural(12, "round")
    ('1 round', '12 rounds')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
