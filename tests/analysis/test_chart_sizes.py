"""A chart's PNG fits a notebook: at most 60 KB as a chapter stores it, and to the eye what matplotlib drew."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.pylabtools import print_figure
from PIL import Image

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import regtools as rt
from regtools.analysis.charts import style
from tests.analysis.test_more_charts import CHARTS, campaign
from tests.analysis.test_resolution_chart import CONF, DIGEST
from tests.conftest import LONG

MOST = 60_000
CHAPTERS = Path(__file__).parents[2] / "notebooks"


def alone(draw: Callable[[Axes | None], Axes]) -> Figure:
    return style.figure_of(draw(None))


def panels(count: int, chart: Callable[..., Axes]) -> Figure:
    images = {f"image {number}": number for number in range(1, count + 1)}
    table = campaign({"near": 1.0, "far": 2.0, "thin": 3.0}, images=images)
    return style.figure_of(rt.charts.small_multiples(table, chart)[0])


KINDS: dict[str, Callable[[], Figure]] = {
    **{name: partial(alone, draw) for name, draw in CHARTS.items()},
    "resolution": lambda: style.figure_of(rt.charts.resolution(CONF.resolve("nginx"))),
    "resolution by digest": lambda: style.figure_of(
        rt.charts.resolution(CONF.resolve(f"docker.io/library/nginx@{DIGEST}"))
    ),
    **{f"{count} panels of {chart.__name__}": partial(panels, count, chart)
       for chart in (rt.charts.ecdf, *([rt.charts.slopes] if LONG else [])) for count in ((4, 6, 9) if LONG else (4,))},
}  # fmt: skip


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def stored(figure: Figure) -> bytes:
    """The PNG that Jupyter keeps."""
    raw = print_figure(figure, "png")
    assert isinstance(raw, bytes)
    return raw


def stored_and_drawn(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, bytes]:
    """The PNG that Jupyter keeps, and the one of matplotlib that it was made from."""
    drawn: list[bytes] = []
    draw = FigureCanvasAgg.print_png

    def keeping(self: FigureCanvasAgg, file: BytesIO, **more: object) -> None:
        draw(self, file, **more)  # type: ignore[no-untyped-call]
        drawn.append(file.getvalue())

    monkeypatch.setattr(FigureCanvasAgg, "print_png", keeping)
    small = stored(figure)
    (whole,) = drawn
    return small, whole


def seen(raw: bytes, page: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The pixels of a picture on a page of this grey."""
    with Image.open(BytesIO(raw)) as image:
        pixels = np.asarray(image.convert("RGBA"), dtype=np.float32)
    opaque = pixels[..., 3:] / 255
    shown: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (pixels[..., :3] - page) * opaque + page
    return shown


@pytest.mark.sized
@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_chart_is_small_and_looks_as_it_was_drawn(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, whole = stored_and_drawn(KINDS[kind](), monkeypatch)
    print(f"{kind}: {len(small):,} of {len(whole):,} bytes")
    assert small != whole
    assert len(small) <= MOST
    for page in (255, 17):
        apart = np.abs(seen(small, page) - seen(whole, page)).max(axis=-1)
        assert apart.max() <= 48
        assert (apart > 24).mean() < 0.001
        assert apart.mean() < 1


def test_the_palette_keeps_size_resolution_and_metadata(tmp_path: Path) -> None:
    figure = KINDS["ecdf"]()
    figure.savefig(tmp_path / "chart.png", metadata={"Title": "pulls"})
    with Image.open(tmp_path / "chart.png") as image:
        assert (image.mode, image.width) == ("P", 1152)
        assert image.info["Title"] == "pulls"
        assert round(image.info["dpi"][0]) == style.DPI


def test_a_figure_of_the_readers_own_keeps_its_colours() -> None:
    figure, ax = plt.subplots()
    rt.charts.ecdf(campaign({"a": 1.0}), ax=ax)
    assert type(figure.canvas) is FigureCanvasAgg


def test_the_pictures_in_the_chapters_are_small() -> None:
    sizes = {
        f"{file.stem} {cell['id']}": len(base64.b64decode("".join(output["data"]["image/png"])))
        for file in CHAPTERS.rglob("[!.]*.ipynb")
        for cell in json.loads(file.read_text("utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }
    assert len(sizes) >= 15
    assert {name: size for name, size in sizes.items() if size > 60 * 1024} == {}
