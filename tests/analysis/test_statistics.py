"""The statistics agree with those of scipy, and with counting everything out."""

from __future__ import annotations

import itertools
import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools.analysis.statistics import _averages_at, shift, signed_rank, wilson, win_shares


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    """scipy's statistics; loading them takes a second, which not every worker needs to spend."""
    from scipy import stats

    return stats


@pytest.mark.parametrize("n", [1, 2, 7, 20, 1000])
def test_wilsons_interval_is_scipys(peer: ModuleType, n: int) -> None:
    for ok in {0, 1, n // 2, n - 1, n}:
        expected = peer.binomtest(ok, n).proportion_ci(0.95, method="wilson")
        assert tuple(map(float, wilson(ok, n))) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_pulls_have_no_success_rate() -> None:
    assert all(math.isnan(each) for each in wilson(0, 0))


@pytest.mark.parametrize("n", range(1, 13))
def test_the_rank_of_the_bound_is_that_of_the_distribution_counted_out(n: int) -> None:
    sums = [sum(rank for rank, sign in zip(range(1, n + 1), signs, strict=True) if sign) for signs in itertools.product((0, 1), repeat=n)]  # fmt: skip
    for alpha in (0.01, 0.05, 0.2):
        edge = signed_rank(n, alpha)
        assert sum(each < edge for each in sums) / len(sums) <= alpha / 2
        assert sum(each < edge + 1 for each in sums) / len(sums) > alpha / 2


def test_counting_and_the_normal_distribution_meet() -> None:
    assert [signed_rank(n) for n in (199, 200, 201, 202)] == sorted(
        signed_rank(n) for n in (199, 200, 201, 202)
    )
    step = signed_rank(200) - signed_rank(199)
    assert abs(signed_rank(201) - signed_rank(200) - step) <= 2


def test_a_signed_rank_interval_of_a_book() -> None:
    # Hollander, Wolfe and Chicken, example 3.1 and 3.3: depression scores before and after; R gives the same.
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = shift(np.subtract(after, before), alpha=0.0390625)
    assert found.value == pytest.approx(-0.46)
    assert (found.low, found.high) == pytest.approx((-0.786, -0.010))


@settings(max_examples=settings.default.max_examples // 4)  # each costs milliseconds
@given(st.lists(st.floats(-5, 5, allow_nan=False), min_size=6, max_size=60, unique_by=abs))
def test_the_interval_leaves_out_0_where_scipys_exact_test_rejects(
    peer: ModuleType, values: list[float]
) -> None:
    values = [value for value in values if value]
    if len(values) < 6:
        return
    found = shift(values)
    p = peer.wilcoxon(values, method="exact").pvalue
    if abs(p - 0.05) > 1e-9:
        assert (not found.low <= 0 <= found.high) == (p <= 0.05)


@settings(max_examples=settings.default.max_examples // 4)  # each costs milliseconds
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=40), st.floats(-3, 3))
def test_a_shift_of_all_values_shifts_the_estimate_and_a_turn_turns_it(
    values: list[float], by: float
) -> None:
    found = shift(values)
    averages = [(a + b) / 2 for i, a in enumerate(values) for b in values[i:]]
    assert found.value == pytest.approx(float(np.median(averages)), abs=1e-9)
    assert found.low <= found.value <= found.high
    moved = shift(np.add(values, by))
    assert moved[:3] == pytest.approx([each + by for each in found[:3]], abs=1e-9)
    turned = shift(np.negative(values))
    assert (turned.value, turned.low, turned.high) == pytest.approx(
        (-found.value, -found.high, -found.low), abs=1e-9
    )


def test_many_values_give_what_all_their_averages_give() -> None:
    values = np.sort(np.random.default_rng(3).normal(size=1400))
    count = len(values) * (len(values) + 1) // 2
    ranks = [1, 17, count // 2, count - 5000, count]
    explicit = _averages_at(values, ranks)
    import regtools.analysis.statistics as module

    module._EXPLICIT, before = 10, module._EXPLICIT
    try:
        assert module._averages_at(values, ranks) == pytest.approx(explicit, abs=1e-6)
    finally:
        module._EXPLICIT = before


def test_infinite_differences_are_the_largest_and_leave_the_bound_open() -> None:
    finite = [0.1 * number for number in range(1, 17)]
    found = shift([*finite, *[math.inf] * 4])
    assert math.isfinite(found.value)
    assert found.low > 0
    assert found.high == math.inf
    assert shift([math.inf] * 10)[:3] == (math.inf, math.inf, math.inf)
    even = shift([*[math.inf] * 5, *[-math.inf] * 5])
    assert even.value == 0
    assert (even.low, even.high) == (-math.inf, math.inf)


def test_nothing_and_too_few_say_nothing() -> None:
    assert math.isnan(shift([]).value)
    assert shift([1.0] * 5)[1:3] == (-math.inf, math.inf)
    assert shift([1.0] * 6)[1:3] == (1.0, 1.0)
    assert shift([math.nan, 2.0]).n == 1


def test_shares_of_wins_have_an_interval_that_repeats_with_its_seed(peer: ModuleType) -> None:
    wins = np.zeros((20, 2))
    wins[:15, 0] = wins[15:, 1] = 1
    share, low, high = win_shares(wins, np.ones(20), seed=4)
    assert share.tolist() == [0.75, 0.25]
    assert (low < share).all()
    assert (share < high).all()
    assert win_shares(wins, np.ones(20), seed=4)[1].tolist() == low.tolist()
    # The percentile interval of a binomial share is near its exact one.
    exact = peer.binomtest(15, 20).proportion_ci(0.95)
    assert low[0] == pytest.approx(exact.low, abs=0.08)
    many = np.tile(wins, (200, 1))
    _, wide, _ = win_shares(many[:2000], np.ones(2000), seed=4)
    _, narrow, _ = win_shares(many[:2020], np.ones(2020), seed=4)
    assert wide == pytest.approx(narrow, abs=0.003)


def test_beyond_two_thousand_rounds_the_interval_is_that_of_the_standard_error() -> None:
    random = np.random.default_rng(1)

    def drawn(rounds: int) -> tuple[np.ndarray, np.ndarray]:
        weight = random.integers(1, 4, rounds).astype(float)
        first = random.binomial(weight.astype(int), 0.3).astype(float)
        return np.stack([first, weight - first], axis=1), weight

    wins, weight = drawn(2000)
    assert win_shares(wins, weight, seed=1)[1].tolist() != win_shares(wins, weight, seed=2)[1].tolist()
    wins, weight = drawn(2001)
    share, low, high = win_shares(wins, weight, seed=1)
    assert win_shares(wins, weight, seed=2)[1].tolist() == low.tolist()
    # The ratio estimator's linearised variance (Cochran, Sampling Techniques, 3rd ed. 1977, section 6.3).
    for place in (0, 1):
        off = [won - share[place] * each for won, each in zip(wins[:, place], weight, strict=True)]
        half = 1.959963984540054 * math.sqrt(sum(each * each for each in off)) / weight.sum()
        assert (low[place], high[place]) == pytest.approx((share[place] - half, share[place] + half))


def test_a_bound_stays_a_share() -> None:
    wins = np.zeros((3000, 2))
    wins[:, 1] = 1
    wins[0] = [1, 0]
    _, low, high = win_shares(wins, np.ones(3000), seed=0)
    assert (low[0], high[1]) == (0, 1)


@pytest.mark.parametrize(("rounds", "images"), [(10, 1), (10, 3), (2500, 1)])
def test_always_and_never_have_wilsons_interval_over_rounds(
    peer: ModuleType, rounds: int, images: int
) -> None:
    wins = np.tile([float(images), 0.0], (rounds, 1))
    share, low, high = win_shares(wins, np.full(rounds, images), seed=0)
    expected = peer.binomtest(rounds, rounds).proportion_ci(0.95, method="wilson")
    assert share.tolist() == [1, 0]
    assert (low[0], high[0]) == pytest.approx((expected.low, 1))
    assert (low[1], high[1]) == pytest.approx((0, 1 - expected.low))
    assert rounds > 10 or round(low[0], 2) == 0.72
