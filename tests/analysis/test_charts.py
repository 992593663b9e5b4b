"""Charts say what the rows say: artists, labels, limits, data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import BytesIO
from itertools import combinations
from typing import Any

import matplotlib as mpl
import pytest

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.text import Text

import regtools as rt
from regtools.pull.records import PHASES, Pull, Request, frames

REQUEST = Request(
    run_id="r", seq=0, attempt=0, hop=0, kind="blob", digest="sha256:" + "0" * 64, layer=0, url_host="a.example",
    remote_ip=None, http_version="1.1", tls_version="TLSv1.3", reused=False, status=200, range_from=None,
    retry_after_s=None, t0_s=0.0, dns_s=0.1, tcp_s=0.1, tls_s=0.2, ttfb_s=0.3, body_s=0.8, total_s=1.5, bytes=1_000_000,
    digest_ok=True, cache_header=None, worker=0, proxy=None, error_kind=None, samples=None,
)  # fmt: skip
REUSED = REQUEST.replace(seq=1, t0_s=0.5, reused=True, dns_s=None, tcp_s=None, tls_s=None, ttfb_s=0.5, body_s=0.5, total_s=1.0,
    worker=2, layer=1,
)  # fmt: skip
FAILED = REQUEST.replace(seq=2, attempt=1, t0_s=1.6, kind="ping", layer=None, tcp_s=0.3, tls_s=None, ttfb_s=None, body_s=None,
    total_s=0.4, status=None, error_kind="connect",
)  # fmt: skip


def pull(place: str = "", total_s: float = 2.0, ok: bool = True, requests: tuple[Request, ...] = ()) -> Pull:
    return Pull(
        run_id="r", vantage="", round=1, order=None, started_at="2026-01-01T00:00:00.000000Z", place=place,
        image="a.example/x", reference="a.example/x:latest", digest=None, client="builtin", client_version="",
        workers=4, cache_state="unknown", n_layers=2, bytes_declared=2, bytes_fetched=2, n_requests=len(requests),
        n_retries=0, wait_s=0.0, auth_s=0.0, manifest_s=0.0, ttfb_s=None, transfer_s=total_s, hash_cpu_s=0.0,
        total_s=total_s, cpu_user_s=0.0, cpu_sys_s=0.0, max_rss_kb=1, other_cpu=None, ok=ok,
        error_kind=None if ok else "http-404", served_by="a.example/x:latest" if ok else None,
        attempts=("a.example/x:latest",), requests=requests,
    )  # fmt: skip


def detail(ax: Any) -> str:
    """The line below the title: units and numbers."""
    (text,) = (each.get_text() for each in ax.texts if each.get_gid() == "detail")
    return str(text).replace("\n", " ")


def ends(ax: Any) -> list[str]:
    """The texts at the ends of the series, from the top down."""
    return [text.get_text() for text in ax.texts if text.get_gid() == "end"]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_a_waterfall_has_a_lane_for_each_worker_and_a_bar_for_each_phase() -> None:
    ax = rt.charts.waterfall(pull(requests=(REQUEST, REUSED, FAILED)))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["worker 0", "worker 2"]
    bars = sorted(
        (round(p.get_x(), 6), round(p.get_width(), 6), round(p.get_y() + p.get_height() / 2, 6))
        for p in ax.patches
    )
    expected = []
    for request, lane in ((REQUEST, 0), (REUSED, 1), (FAILED, 0)):
        at = request.t0_s
        for name in PHASES:
            if length := getattr(request, name):
                expected.append((round(at, 6), round(length, 6), float(lane)))
                at += length
    assert bars == sorted(expected)
    assert ax.get_xlabel() == "time since the pull began (s)"
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] >= 2.0
    assert detail(ax).endswith("n = 3 requests")
    assert ax.get_title() == "a.example/x:latest: 2.00 s, mostly body (45%)"


def test_a_waterfall_marks_where_http_follows_https_and_where_a_source_follows() -> None:
    secure = REQUEST.replace(kind="ping", layer=None, scheme="https", error_kind="tls")
    plain = secure.replace(seq=1, scheme="http", t0_s=0.25, error_kind=None)
    blob = plain.replace(seq=2, kind="blob", t0_s=0.5)
    ax = rt.charts.waterfall(pull(total_s=2.0, requests=(secure, plain, blob, FAILED)))
    marks = {text.get_text().strip(): text.get_position()[0] for text in ax.texts}
    assert marks["HTTP"] == pytest.approx(0.25)
    assert marks["source 2"] == pytest.approx(1.6)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["manifest", "config", "blob"])
def test_a_waterfall_takes_no_redirect_for_what_it_leads_to(kind: str, status: int) -> None:
    about = {"kind": kind, "layer": 0 if kind == "blob" else None}
    there = REQUEST.replace(**about, status=status, bytes=640, samples=(), digest_ok=None, total_s=1.0)
    blob = REUSED.replace(**about, hop=1, t0_s=1.0, worker=0)
    ax = rt.charts.waterfall(pull(requests=(there, blob)))
    inside = sorted(
        (text.get_position()[0], text.get_text())
        for text in ax.texts
        if text.get_ha() == "center" and not text.get_gid()
    )
    assert [text for _, text in inside] == ["redirect", "layer 0, 1.00 MB" if kind == "blob" else kind]


def beside_bars(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_gid() == "part"]


def test_a_waterfall_names_phases_at_its_bars_and_says_what_failed() -> None:
    ax = rt.charts.waterfall(pull(requests=(REQUEST, REUSED, FAILED)))
    legend = ax.get_legend()
    homeless = [text.get_text() for text in legend.get_texts()] if legend is not None else []
    words = ["name look-up", "TCP connect", "TLS handshake", "until first byte", "body", "ping: connect"]
    assert sorted(beside_bars(ax) + homeless) == sorted(words)
    assert {"ping: connect", "body"} <= {*beside_bars(ax)}
    assert {"layer 0, 1.00 MB", "layer 1, 1.00 MB", " source 2"} <= {text.get_text() for text in ax.texts}
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [float(line.get_xdata()[0]) for line in crosses] == [pytest.approx(2.0)]
    without = rt.charts.waterfall(pull(requests=(REUSED,)))
    assert sorted(beside_bars(without)) == ["body", "until first byte"]
    assert without.get_legend() is None


def test_names_at_bars_do_not_cover_each_other_and_what_cannot_be_seen_has_none() -> None:
    thin = REQUEST.replace(dns_s=1e-6, tcp_s=1e-6, tls_s=0.02)
    ax = rt.charts.waterfall(pull(total_s=2.0, requests=(thin, REUSED)))
    ax.figure.canvas.draw()
    boxes = [
        Text.get_window_extent(text) for text in ax.texts if text.get_gid() == "part"
    ]  # without the line
    assert "name look-up" not in beside_bars(ax)
    assert len(boxes) >= 2
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_phases_differ_in_lightness_so_that_grey_is_enough() -> None:
    from matplotlib.colors import to_rgb

    ax = rt.charts.waterfall(pull(requests=(REQUEST,)))
    looks = set()
    for patch in ax.patches:
        red, green, blue = to_rgb(patch.get_facecolor())
        looks.add((round(0.299 * red + 0.587 * green + 0.114 * blue, 1), patch.get_hatch() or ""))
    assert len(looks) == len(PHASES)


def test_a_short_pull_is_drawn_in_milliseconds_and_a_failed_one_says_so() -> None:
    short = REUSED.replace(t0_s=0.0, ttfb_s=0.01, body_s=0.01, total_s=0.02)
    ax = rt.charts.waterfall(pull(total_s=0.02, ok=False, requests=(short,)))
    assert ax.get_xlabel().endswith("(ms)")
    assert ax.patches[0].get_width() == pytest.approx(10)
    assert "failed after 20.0 ms [http-404]" in ax.get_title()
    assert rt.charts.waterfall(pull(requests=())).get_legend() is None


@pytest.mark.parametrize("kind", ["frame", "pulls"])
def test_an_ecdf_has_a_step_line_points_and_median_for_each_place(kind: str) -> None:
    made = [pull("near", each) for each in (1.0, 3.0, 2.0)] + [
        pull("far", each) for each in (8.0, 4.0, 6.0, 10.0)
    ]
    given: Any = frames([each.row() for each in made], [])[0] if kind == "frame" else made
    ax = rt.charts.ecdf(given)
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert [line.get_label() for line in steps] == ["near: n = 3, median 2.00 s", "far: n = 4, median 7.00 s"]
    assert list(steps[0].get_xdata())[:-1] == [0.0, 1.0, 2.0, 3.0]
    assert list(steps[0].get_ydata()) == [0.0, *(pytest.approx(n / 3) for n in (1, 2, 3, 3))]
    points = [line for line in ax.lines if line.get_linestyle() == "None" and line.get_markersize() < 8]
    assert [sorted(line.get_xdata()) for line in points] == [[1, 2, 3], [4, 6, 8, 10]]
    medians = [line for line in ax.lines if line.get_markersize() > 8]
    assert [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in medians] == [
        (2.0, 0.5),
        (7.0, 0.5),
    ]
    assert len({line.get_marker() for line in points}) == 2
    assert len({str(line.get_linestyle()) for line in steps}) == 2
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("total time of a pull (s)", "share of pulls done within it")
    assert ax.get_ylim()[0] == 0
    assert ax.get_xlim()[1] > 10
    assert ax.get_legend() is None
    assert ends(ax) == ["near\n2.00 s, n = 3", "far\n7.00 s, n = 4"]
    assert ax.get_title() == "Median pull: near 2.00 s, far 7.00 s"
    assert detail(ax) == "share of pulls done within a time (s); large: median; n = 7 pulls"


def test_failures_keep_a_line_below_one_and_may_leave_no_median() -> None:
    made = [pull("a", 1.0), pull("a", 2.0), pull("a", 9.0, ok=False)]
    made += [pull("b", 1.0), pull("b", 0.1, ok=False), pull("b", 0.1, ok=False)]
    made += [pull("c", 0.1, ok=False)]
    ax = rt.charts.ecdf(made)
    steps = {line.get_label(): line for line in ax.lines if line.get_drawstyle() == "steps-post"}
    assert set(steps) == {
        "a: n = 3, 1 failed, median 2.00 s",
        "b: n = 3, 2 failed, no median",
        "c: n = 1, 1 failed, no median",
    }
    tops = sorted(float(max(line.get_ydata())) for line in steps.values())
    assert tops == [0.0, pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert not any(math.isinf(float(each)) for line in ax.lines for each in line.get_xdata())


def test_no_pulls_are_no_chart() -> None:
    with pytest.raises(ValueError, match="no pulls"):
        rt.charts.ecdf([])


def test_charts_draw_where_they_are_told_and_fit_a_notebook() -> None:
    _, given = plt.subplots()
    assert rt.charts.ecdf([pull("x")], ax=given) is given
    assert rt.charts.waterfall(pull(requests=(REQUEST,)), ax=given) is given
    for ax in (
        rt.charts.ecdf([pull("x"), pull("y", 3.0)]),
        rt.charts.waterfall(pull(requests=(REQUEST, REUSED))),
    ):
        drawn = BytesIO()
        ax.figure.savefig(drawn, format="png")
        width = int.from_bytes(drawn.getvalue()[16:20], "big")
        assert 400 <= width <= 1600
        assert len(drawn.getvalue()) <= 60_000
