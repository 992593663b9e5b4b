"""What can be moved and typed into below a cell, and what of it everybody else can read.

A notebook keeps the text, the HTML and the picture, but not the widget: a reader without a kernel, without
ipywidgets, or of a notebook that is not trusted sees the answer for the values in the cell.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from regtools.display import escape

if TYPE_CHECKING:
    from ipywidgets import Widget

PACKAGE = "ipywidgets"
INSTALL = "python -m pip install 'podman-regtools[lab]'"
STEPS = 100  # between the ends of a slider for numbers with a point
WRAPPED = {"display": "flex", "flex_flow": "row wrap", "width": "100%"}


def is_installed() -> bool:
    """Return whether ipywidgets can be imported here."""
    return find_spec(PACKAGE) is not None


def bundle(readable: dict[str, str], widget: Widget | None) -> dict[str, Any]:
    """Return a cell's output: what everybody can read, and the widget that JupyterLab prefers to it."""
    shown = widget._repr_mimebundle_() if widget is not None else {}
    return {**shown, **readable}


class Sliders:
    """A drawing whose numbers can be moved: made by :func:`sliders`.

    Attributes:
        values: name → number, as drawn last.
        picture: the drawing, as PNG.
        text: the numbers, and what the drawing returned.
    """

    def __init__(self, draw: Callable[..., object], ranges: dict[str, tuple[float, float, float]]) -> None:
        self._draw = draw
        self._ranges = ranges
        self._widget: Widget | None = None
        self.values = {name: start for name, (_, start, _) in ranges.items()}
        self.redraw()

    def redraw(self, **values: float) -> None:
        """Draw again, with other values of some numbers."""
        import matplotlib.pyplot as plt

        self.values |= values
        said = self._draw(**self.values)
        figure, file = plt.gcf(), io.BytesIO()
        figure.savefig(file, format="png", bbox_inches="tight")
        plt.close(figure)
        self.picture = file.getvalue()
        numbers = ", ".join(f"{name} = {value:g}" for name, value in self.values.items())
        self.text = numbers if said is None else f"{numbers}\n{said}"

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        readable = {"text/plain": self.text, "image/png": base64.b64encode(self.picture).decode()}
        if is_installed() and self._widget is None:
            self._widget = self._made()
        return bundle(readable, self._widget)

    def _made(self) -> Widget:
        from ipywidgets import HTML, Box, FloatSlider, Image, IntSlider, VBox

        picture = Image(value=self.picture, format="png", layout={"max_width": "100%", "height": "auto"})
        text = HTML(_lines(self.text))
        knobs = []
        for name, (least, start, most) in self._ranges.items():
            whole = all(isinstance(each, int) for each in (least, start, most))
            step = 1 if whole else (most - least) / STEPS
            knob = (IntSlider if whole else FloatSlider)(start, min=least, max=most, step=step)
            knob.description = name.replace("_", " ")
            knobs.append(knob)

        def moved(_: object) -> None:
            self.redraw(**{name: knob.value for name, knob in zip(self._ranges, knobs, strict=True)})
            picture.value, text.value = self.picture, _lines(self.text)

        for knob in knobs:
            knob.observe(moved, "value")
        return VBox([Box(knobs, layout=WRAPPED), picture, text])


def sliders(draw: Callable[..., object], **ranges: tuple[float, float, float]) -> Sliders:
    """Return a drawing with a slider for each of its numbers; JupyterLab draws again when one is moved.

    Args:
        draw: draws one figure with matplotlib from numbers given by name; the text that it returns, if any,
            is shown below.
        ranges: name → the least, the first and the greatest value; whole numbers stay whole.

    Raises:
        ValueError: a first value is not between the least and the greatest.
    """
    for name, (least, start, most) in ranges.items():
        if not least <= start <= most:
            raise ValueError(f"{name}: write (least, first, greatest), not {(least, start, most)}")
    return Sliders(draw, ranges)


def _lines(text: str) -> str:
    return f'<div style="line-height:1.4">{"<br>".join(map(escape, text.splitlines()))}</div>'
