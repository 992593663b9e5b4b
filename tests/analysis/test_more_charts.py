"""The charts of many pulls: artists, labels, limits and data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import regtools as rt
from regtools.analysis.charts import style
from regtools.analysis.failures import failed_attempts
from regtools.pull.failures import FAILURES
from regtools.pull.records import Pull, frames
from tests.analysis.test_charts import FAILED, REQUEST, REUSED, detail, ends, pull
from tests.support.synthetic import campaign

SAMPLED = REUSED.replace(
    layer=3, bytes=4_000_000, samples=((0.5, 1_000_000), (1.5, 2_000_000), (2.0, 4_000_000))
)
TWO_SOURCES = pull("list", 2.0).replace(
    attempts=("dead.example/x:latest", "a.example/x:latest"),
    requests=(
        FAILED.replace(seq=0, attempt=0, t0_s=0.0, url_host="dead.example"),
        REQUEST.replace(seq=1, attempt=1, t0_s=0.4),
    ),
)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def phased() -> pd.DataFrame:
    made = [
        pull(place, total).replace(run_id=f"{place}{total}", round=number, auth_s=0.1 * total, manifest_s=0.2 * total, transfer_s=0.7 * total)
        for place, base in (("near", 1.0), ("far", 3.0))
        for number, total in enumerate((base, base + 0.2, base + 0.8), 1)
    ]  # fmt: skip
    return frames([each.row() for each in [*made, pull("far", 9.0, ok=False).replace(round=4)]], [])[0]


CHARTS: dict[str, Callable[[Axes | None], Axes]] = {
    "ecdf": lambda ax: rt.charts.ecdf(phased(), ax=ax),
    "slopes": lambda ax: rt.charts.slopes(campaign({"near": 1, "a-long-name.mirror.example": 2, "far": 3}), ax=ax),
    "phases": lambda ax: rt.charts.phases(phased(), ax=ax),
    "failover": lambda ax: rt.charts.failover([TWO_SOURCES], ax=ax),
    "throughput": lambda ax: rt.charts.throughput(SAMPLED, ax=ax),
    "waterfall": lambda ax: rt.charts.waterfall(pull("x" * 90, requests=(REQUEST, REUSED, FAILED)), ax=ax),
}  # fmt: skip


def shown_ticks(ax: Axes) -> list[Any]:
    """The labels that are drawn: matplotlib keeps some beyond the limits."""
    inside = []
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        inside += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return inside


@pytest.mark.parametrize("pixels", [400, pytest.param(800, marks=pytest.mark.long), 1600])
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_draws_where_it_is_told_and_stays_inside_at_every_width(name: str, pixels: int) -> None:
    figure, given = plt.subplots(
        figsize=(pixels / 100, max(3.4, pixels / 200)), dpi=100, layout="constrained"
    )
    assert CHARTS[name](given) is given
    figure.canvas.draw()
    texts = [given.title, given.xaxis.label, given.yaxis.label, *shown_ticks(given)]
    texts += [text for text in given.texts if text.get_gid()]
    legend = given.get_legend()
    texts += legend.get_texts() if legend is not None else []
    for text in (each for each in texts if each.get_text() and each.get_visible()):
        box = text.get_window_extent()
        assert box.x0 >= -4, text
        assert box.x1 <= pixels + 4, text
    assert given.get_title()
    assert " n = " in detail(given)
    assert figure.patch.get_alpha() == given.patch.get_alpha() == 0
    assert "(" in given.get_xlabel() + given.get_ylabel() or name == "failover"


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_makes_a_figure_of_its_own_otherwise(name: str) -> None:
    figure = CHARTS[name](None).figure
    assert figure.get_size_inches()[0] * figure.dpi == 1152


# -- slopes ----------------------------------------------------------------------------------------------


def test_slopes_have_a_line_a_round_points_medians_and_failures_at_the_top() -> None:
    table = pd.DataFrame(
        {
            "place": ["a", "b"] * 3,
            "round": [1, 1, 2, 2, 3, 3],
            "seconds": [1.0, 2.0, 1.2, 2.2, 1.4, 0.1],
            "ok": [True] * 5 + [False],
        }
    )
    ax = rt.charts.slopes(table)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"]
    top = max(max(line.get_ydata()) for line in lines)
    assert [list(line.get_ydata()) for line in lines] == [[1.0, 2.0], [1.2, 2.2], [1.4, top]]
    assert top > 2.2
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [list(line.get_ydata()) for line in crosses] == [[top]]
    medians = [line for line in ax.lines if line.get_markersize() > 8]
    assert [float(line.get_ydata()[0]) for line in medians] == [1.2, 2.2]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a\nn = 3", "b\nn = 3, 1 failed"]
    assert ax.get_ylabel() == "total time of a pull (s)"
    assert "n = 3 lines" in detail(ax)
    assert ax.get_title() == "a is faster than b in 3 of 3 rounds"
    assert ax.get_ylim()[0] == 0


def test_slopes_are_logarithmic_where_times_lie_far_apart_and_say_so() -> None:
    ax = rt.charts.slopes(campaign({"a": 1.0, "b": 30.0}))
    assert ax.get_yscale() == "log"
    assert ax.get_ylabel() == "total time of a pull (s), logarithmic"


def test_slopes_of_very_many_rounds_draw_some_and_say_so() -> None:
    ax = rt.charts.slopes(campaign({"a": 1.0, "b": 2.0}, rounds=1000))
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"]
    assert len(lines) == 300
    assert "n = 1000 lines, 300 of them drawn" in detail(ax)


def test_slopes_need_rounds() -> None:
    with pytest.raises(ValueError, match="no pull belongs to a round"):
        rt.charts.slopes([pull(place).replace(round=None) for place in "ab"])


# -- phases ----------------------------------------------------------------------------------------------


def test_phases_stack_medians_over_every_point_and_the_quartiles() -> None:
    ax = rt.charts.phases(phased())
    bars = [(round(p.get_x(), 6), round(p.get_width(), 6)) for p in ax.patches]
    assert bars == [(0, 0.12), (0.12, 0.24), (0.36, 0.84), (0, 0.32), (0.32, 0.64), (0.96, 2.24)]
    points = [sorted(line.get_xdata()) for line in ax.lines if line.get_markersize() == 3]
    assert points == [[1.0, 1.2, 1.8], [3.0, 3.2, 3.8]]
    medians = [float(line.get_xdata()[0]) for line in ax.lines if line.get_markersize() > 8]
    assert medians == [1.2, 3.2]
    spans = [list(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert spans == [[pytest.approx(1.1), pytest.approx(1.5)], [pytest.approx(3.1), pytest.approx(3.5)]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["near\nn = 3", "far\nn = 3, 1 failed"]
    assert ax.get_xlim()[0] == 0
    names = {text.get_text() for text in ax.texts if text.get_gid() == "part"}
    assert names == {"ping and token", "manifest", "transfer"}
    assert ax.get_legend() is None


def test_neighbouring_phases_differ_in_grey_or_hatch() -> None:
    looks = [(to_rgb(p.get_facecolor()), p.get_hatch()) for p in rt.charts.phases(phased()).patches[:3]]
    for (one, hatch), (other, hatched) in pairwise(looks):
        grey = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in (one, other)]
        assert abs(grey[0] - grey[1]) > 0.15 or hatch != hatched


def test_pulls_whose_phases_are_not_known_have_no_chart_of_them() -> None:
    with pytest.raises(ValueError, match="their phases are not known"):
        rt.charts.phases(campaign({"a": 1.0}))
    with pytest.raises(ValueError, match="no pull was done"):
        rt.charts.phases([pull("a", ok=False)])


# -- failover --------------------------------------------------------------------------------------------


def test_failed_attempts_cost_the_time_until_the_next_one() -> None:
    (row,) = failed_attempts([TWO_SOURCES]).to_dict("records")
    assert (row["source"], row["host"], row["kind"]) == ("dead.example/x:latest", "dead.example", "connect")
    assert row["seconds"] == pytest.approx(0.4)
    assert (row["means"], row["cure"]) == (FAILURES["connect"].means, FAILURES["connect"].cure)
    lost = TWO_SOURCES.replace(ok=False, error_kind="connect", served_by=None)
    assert failed_attempts([lost])["seconds"].tolist() == pytest.approx([0.4, 1.6])  # the last one to the end
    assert failed_attempts([pull("a")]).empty
    assert failed_attempts(frames([TWO_SOURCES.row()], [])[0]).empty


def test_failover_has_a_row_for_each_host_and_kind_with_points_and_median() -> None:
    many = []
    for number, cost in enumerate((0.4, 0.6, 2.0)):
        wire = (TWO_SOURCES.requests[0], TWO_SOURCES.requests[1].replace(t0_s=cost))
        many.append(TWO_SOURCES.replace(run_id=str(number), requests=tuple(each.replace(run_id=str(number)) for each in wire)))  # fmt: skip
    ax = rt.charts.failover(many)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["dead.example\nconnect"]
    points, median = ax.lines
    assert sorted(points.get_xdata()) == [0.4, 0.6, 2.0]
    assert list(median.get_xdata()) == [0.6]
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.texts if not text.get_gid()] == ["600.0 ms, n = 3"]
    assert ax.get_title() == "dead.example [connect] costs a pull 600.0 ms"
    pulls, requests = frames(
        [each.row() for each in many], [r.to_dict() for each in many for r in each.requests]
    )
    assert sorted(rt.charts.failover(pulls, requests).lines[0].get_xdata()) == [0.4, 0.6, 2.0]
    with pytest.raises(ValueError, match="no source failed"):
        rt.charts.failover([pull("a")])


# -- throughput ------------------------------------------------------------------------------------------


def test_throughput_is_bytes_between_samples_over_their_time() -> None:
    ax = rt.charts.throughput(SAMPLED)
    (steps,) = ax.patches
    values, edges, _ = steps.get_data()
    assert list(edges) == [0.5, 1.5, 2.0]
    assert list(values) == pytest.approx([1.0, 4.0])  # MB/s
    whole = [line for line in ax.lines if line.get_marker() == "None"]
    assert list(whole[0].get_ydata()) == pytest.approx([2.0, 2.0])
    assert ends(ax) == ["layer 3, 4.00 MB\n2 MB/s, 3 samples"]
    assert ax.get_title() == "The largest blob, layer 3, 4.00 MB, arrives at 2 MB/s"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time since the blob was asked for (s)", "rate (MB/s)")
    assert ax.get_xlim()[0] == ax.get_ylim()[0] == 0


def test_a_burst_of_samples_is_one_step() -> None:
    burst = tuple((1.0 + number * 1e-6, 1_000_000 + number) for number in range(30))
    blob = SAMPLED.replace(samples=((0.0, 1), *burst, (2.0, 2_000_000)))
    values, _, _ = rt.charts.throughput(blob).patches[0].get_data()
    assert max(values) < 1.1


@pytest.mark.parametrize("kind", ["pull", "request", "frame"])
def test_throughput_takes_a_pull_a_request_and_rows(kind: str) -> None:
    whole: Pull = pull("a", requests=(REQUEST, SAMPLED))
    given = {"pull": whole, "request": SAMPLED, "frame": whole.to_frame()}[kind]
    assert len(rt.charts.throughput(given).patches) == 1
    with pytest.raises(ValueError, match="no blob has samples"):
        rt.charts.throughput(REQUEST)


@pytest.mark.parametrize(
    "samples", [["ab"], [1], [[1]], [["a", 2], [1, 2]], [[1, 2, 3]], [[1.0, 10**400]] * 2, [None], [{}]]
)
def test_samples_that_are_no_pairs_of_numbers_are_none(samples: list[object]) -> None:
    rows = pull("a", requests=(REQUEST,)).to_frame()
    rows["samples"] = pd.Series([samples] * len(rows), dtype="object")  # was: an error of Python
    with pytest.raises(ValueError, match="no blob has samples"):
        rt.charts.throughput(rows)


def test_of_many_blobs_the_largest_are_drawn() -> None:
    blobs = tuple(
        SAMPLED.replace(layer=number, samples=((0.0, 1), (1.0, number * 1_000_000 + 9)))
        for number in range(1, 21)
    )
    ax = rt.charts.throughput(pull("a", requests=blobs))
    assert len(ax.patches) == 7
    assert "n = 20 blobs, the 7 largest drawn" in detail(ax)
    assert ends(ax)[0].startswith("layer 20, ")


# -- side by side ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", [None, rt.charts.ecdf, rt.charts.slopes])
def test_small_multiples_keep_a_places_look_from_panel_to_panel(chart: Any) -> None:
    table = campaign({"a": 1.0, "b": 2.0, "c": 3.0}, images={"one": 1, "two": 5, "three": 9})
    table = table[(table["image"] != "two") | (table["place"] != "a")]  # one place is missing in one panel
    panels = rt.charts.small_multiples(table, chart)
    assert [ax.get_title() for ax in panels] == ["one", "three", "two"]
    assert [detail(ax).rpartition(" n = ")[2] for ax in panels] == ["60 pulls", "60 pulls", "40 pulls"]
    seen: list[set[tuple[str, str]]] = []
    for ax in panels:
        medians = [line for line in ax.lines if line.get_markersize() > 8]
        seen.append({(line.get_color(), line.get_marker()) for line in medians})
    assert seen[0] == seen[1] > seen[2]
    assert seen[0] - seen[2] == {(style.BLUE, "o")}  # that of the place that is missing
    assert len({id(ax.figure) for ax in panels}) == 1


def test_small_multiples_share_their_scales_on_request() -> None:
    table = campaign({"a": 1.0, "b": 2.0}, images={"one": 1, "two": 50})
    apart, together = (rt.charts.small_multiples(table, share=share) for share in (False, True))
    assert apart[0].get_xlim() != apart[1].get_xlim()
    assert together[0].get_xlim() == together[1].get_xlim()


def test_small_multiples_refuse_what_nobody_could_read() -> None:
    table = campaign({"a": 1.0}, images={f"i{number}": 1.0 for number in range(30)}, rounds=1)
    with pytest.raises(ValueError, match="image has 30 values; 1 to 24"):
        rt.charts.small_multiples(table)
    with pytest.raises(ValueError, match="no column 'planet'"):
        rt.charts.small_multiples(table, by="planet")


def test_the_places_of_the_book_keep_their_look_and_the_eighth_is_grey() -> None:
    assert style.looks(["far", "near"]) == style.looks(["near", "far"])
    looks = style.looks([*"abcdefgh", "near"])
    assert looks["near"].colour == style.BLUE
    assert len({look.colour for look in looks.values()}) == 8
    assert [looks[name].colour for name in "gh"] == [style.REST] * 2
    assert looks["g"].marker != looks["h"].marker


def test_ink_is_readable_on_white_and_on_a_dark_page() -> None:
    def light(colour: str) -> float:
        return sum(
            weight * (each / 12.92 if each <= 0.04 else ((each + 0.055) / 1.055) ** 2.4)
            for weight, each in zip((0.2126, 0.7152, 0.0722), to_rgb(colour), strict=True)
        )

    for colour in (style.INK, style.FAILED, *(look.colour for look in style.LOOKS)):
        for page in ("#ffffff", "#111111"):
            low, high = sorted((light(colour), light(page)))
            assert (high + 0.05) / (low + 0.05) >= 3.8, (colour, page)


# -- what all of them promise ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ecdf", "slopes"])
def test_names_are_words_even_where_they_look_like_mathematics_or_nothing(name: str) -> None:
    table = campaign({"$a$_1": 1.0, "_hidden": 2.0})
    ax = getattr(rt.charts, name)(table)
    ax.figure.canvas.draw()
    shown = [text.get_text() for text in ax.get_xticklabels()]
    shown += ends(ax)
    for place in ("$a$_1", "_hidden"):
        assert any(place in text for text in shown)


@pytest.mark.parametrize("name", ["ecdf", "slopes", "phases"])
def test_bad_tables_and_places_are_named(name: str) -> None:
    chart = getattr(rt.charts, name)
    with pytest.raises(ValueError, match="there are no pulls"):
        chart([])
    with pytest.raises(rt.RegtoolsError, match="no column ok, place; it has total_s"):
        chart(pd.DataFrame({"total_s": [1.0]}))
    with pytest.raises(ValueError, match="no pulls of 'x'; there are far, near"):
        chart(phased(), places=["x"])


def test_a_hundred_thousand_pulls_make_a_chart_of_thousands_of_points() -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"place": "a", "seconds": random.lognormal(size=100_000), "ok": True})
    ax = rt.charts.ecdf(table)
    (steps,) = (line for line in ax.lines if line.get_drawstyle() == "steps-post")
    assert len(steps.get_xdata()) <= 2002
    assert "a: n = 100000, median " in str(steps.get_label())
    assert math.isclose(max(steps.get_ydata()), 1.0)
