"""The picture of a resolution says what the resolution says, in its order, at every size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pytest

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

import regtools as rt

CONF = rt.RegistriesConf.from_toml(
    """\
unqualified-search-registries = ["docker.io", "quay.io", "bad.example"]
[[registry]]
prefix = "docker.io"
location = "registry-1.docker.io"
[[registry.mirror]]
location = "mirror-one.example/proxy/docker.io"
insecure = true
[[registry.mirror]]
location = "blocked.example/hub"
[[registry.mirror]]
location = "third.example"
pull-from-mirror = "digest-only"
[[registry]]
location = "blocked.example"
blocked = true
[[registry]]
prefix = "bad.example"
location = "Bad Place"
""",
    file="registries.conf",
)
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def words(ax: Any) -> list[str]:
    """All texts from the top down, a line each."""
    placed = [
        (round(text.get_position()[1], 3), text.get_position()[0], text.get_text())
        for text in ax.texts
        if text.get_text()
    ]
    return [text for _, _, text in sorted(placed)]


def markers(ax: Any) -> list[tuple[str, bool]]:
    """Marker and whether it is filled of each stop, from the top down; the key is smaller."""
    stops = [line for line in ax.lines if line.get_marker() != "None"]
    large = max(line.get_markersize() for line in stops)
    found = [line for line in stops if line.get_markersize() == large]
    found.sort(key=lambda line: float(line.get_ydata()[0]))
    return [(str(line.get_marker()), line.get_markerfacecolor() != "none") for line in found]


def test_candidates_and_sources_stand_in_their_order_with_reason_and_line() -> None:
    res = CONF.resolve("nginx")
    said = "\n".join(words(rt.charts.resolution(res)))
    expected = [res.image, str(res.why)]
    for candidate in res.candidates:
        expected.append(candidate.name)
        for source in candidate.sources:
            expected += [source.reference, str(source.why), str(source.transport)]
    at = 0
    for text in expected:
        at = said.index(text, at)
    assert "fails [invalid-reference]" in said
    assert "registries.conf:18" in said


def test_kinds_and_faults_have_marks_of_their_own() -> None:
    ax = rt.charts.resolution(CONF.resolve("nginx"))
    name, candidate, mirror, primary = ("o", True), ("D", False), ("o", True), ("s", True)
    blocked, failed = ("o", False), ("X", True)
    assert markers(ax) == [
        name, candidate, mirror, blocked, primary, candidate, primary, candidate, failed,
    ]  # fmt: skip
    tags = [text.get_text() for text in ax.texts if text.get_bbox_patch() is not None]
    assert tags == ["insecure", "blocked"]
    key = words(ax)[-5:]
    assert set(key) == {
        "candidate: a full name",
        "mirror",
        "the registry itself",
        "blocked: passed over",
        "no source can be made",
    }


def test_the_order_is_numbered_for_each_candidate() -> None:
    numbers = [text for text in words(rt.charts.resolution(CONF.resolve("nginx"))) if text.isdigit()]
    assert numbers == ["1", "1", "2", "3", "2", "1", "3"]


def test_a_mirror_stop_and_the_registry_stop_differ_in_lightness_too() -> None:
    ax = rt.charts.resolution(CONF.resolve("docker.io/library/nginx"))
    faces = {
        line.get_marker(): to_rgb(line.get_markerfacecolor())
        for line in ax.lines
        if line.get_marker() in ("o", "s") and line.get_markerfacecolor() not in ("none", "#767676")
    }
    grey = {key: 0.299 * red + 0.587 * green + 0.114 * blue for key, (red, green, blue) in faces.items()}
    assert abs(grey["o"] - grey["s"]) > 0.1


def test_it_says_where_podman_would_ask() -> None:
    asks = "podman asks which one is meant; only the choice is pulled"
    assert asks in words(rt.charts.resolution(CONF.resolve("app", tty=True)))
    assert asks not in words(rt.charts.resolution(CONF.resolve("app")))


def test_digests_and_signs_of_mathematics_are_text() -> None:
    said = words(rt.charts.resolution(CONF.resolve(f"docker.io/library/nginx@{DIGEST}")))
    assert f"docker.io/library/nginx@{DIGEST}" in said
    assert said.count(f"@{DIGEST}") == 4  # a line of its own where the whole does not fit
    conf = rt.RegistriesConf.from_toml("", file="a$b$.conf")
    ax = rt.charts.resolution(conf.resolve("quay.io/x"))
    assert all(not text.get_parse_math() for text in ax.texts if text.get_bbox_patch() is None)


@pytest.mark.parametrize(
    "pixels", [400, *(pytest.param(each, marks=pytest.mark.long) for each in (800, 1152)), 1600]
)
@pytest.mark.parametrize("image", ["nginx", f"docker.io/library/nginx@{DIGEST}"], ids=["short", "digest"])
def test_no_text_leaves_the_picture_or_covers_another(pixels: int, image: str) -> None:
    figure, given = plt.subplots(figsize=(pixels / 100, 8), dpi=100, layout="constrained")
    ax = rt.charts.resolution(CONF.resolve(image), ax=given)
    assert ax is given
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    for box in boxes:
        assert box.x0 >= -1
        assert box.x1 <= pixels + 1
        assert box.y0 >= -1
        assert box.y1 <= 801
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide <= 1 or high <= 3, (one, other)


def test_a_figure_of_its_own_fits_a_notebook() -> None:
    figure = rt.charts.resolution(CONF.resolve("nginx")).figure
    assert figure.get_size_inches()[0] * figure.dpi == 1152
