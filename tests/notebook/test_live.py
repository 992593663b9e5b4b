"""Sliders: a drawing that is made again when one is moved, and the picture that everybody else sees."""

from __future__ import annotations

import base64
import io

import matplotlib.pyplot as plt
import pytest
from ipywidgets import HTML, FloatSlider, Image, IntSlider, Widget

from regtools.analysis.charts import style
from regtools.notebook import live, sliders
from regtools.notebook.live import Sliders

WIDGET = "application/vnd.jupyter.widget-view+json"
drawn: list[dict[str, float]] = []


def line(steep: float, length: int) -> str:
    drawn.append({"steep": steep, "length": length})
    ax = style.axes(2)
    ax.plot([0, length], [0, steep * length])
    style.finished(ax)
    return f"ends at {steep * length:.1f} <b>"


def parts(shown: Sliders) -> list[Widget]:
    model = shown._repr_mimebundle_()[WIDGET]["model_id"]
    assert shown._widget and shown._widget.model_id == model
    knobs, picture, text = shown._widget.children
    return [*knobs.children, picture, text]


def test_the_picture_and_the_text_are_those_of_the_first_values() -> None:
    open_before = plt.get_fignums()  # another test's, in the same process
    shown = sliders(line, steep=(0.0, 0.5, 2.0), length=(1, 4, 9))._repr_mimebundle_()
    assert drawn[-1] == {"steep": 0.5, "length": 4}
    assert shown["text/plain"] == "steep = 0.5, length = 4\nends at 2.0 <b>"
    picture = plt.imread(io.BytesIO(base64.b64decode(shown["image/png"])))
    assert picture.shape[1] > 1000
    assert plt.get_fignums() == open_before, "a figure left open would be shown once more"


def test_a_slider_that_is_moved_draws_again() -> None:
    steep, length, picture, text = parts(sliders(line, steep=(0, 0.5, 2), length=(1, 4, 9)))
    assert isinstance(steep, FloatSlider) and isinstance(length, IntSlider)
    assert isinstance(picture, Image) and isinstance(text, HTML)
    before = bytes(picture.value)
    length.value = 8
    assert drawn[-1] == {"steep": 0.5, "length": 8}
    assert bytes(picture.value).startswith(b"\x89PNG") and picture.value != before
    assert "steep = 0.5, length = 8<br>ends at 4.0 &lt;b&gt;" in text.value
    steep.value = 7
    assert drawn[-1]["steep"] == 2, "no slider goes beyond its ends"


def test_without_ipywidgets_the_picture_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PACKAGE", "no_such_package")
    assert set(sliders(line, steep=(0, 1, 2), length=(1, 1, 1))._repr_mimebundle_()) == {
        "text/plain",
        "image/png",
    }


def test_a_first_value_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"steep: write \(least, first, greatest\), not \(1, 0, 2\)"):
        sliders(line, steep=(1, 0, 2))
