"""The Chinese pictures, as a browser draws them: no text leaves its box, and none lies over another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.zh.english import units
from tests.support.browser import Browser

PICTURES = [unit for unit in units().values() if unit.kind == "picture" and unit.source.exists()]
NEAREST = 3  # pixels that stay free between a text and the edge of its box
# A text's box is the narrowest rectangle in which it begins, or the whole picture.
FAULTS = f"""(() => {{
    const found = [], picture = document.querySelector('svg');
    const of = name => [...picture.querySelectorAll(name)].map(each => [each, each.getBoundingClientRect()]);
    const texts = of('text'), boxes = of('rect').map(([_, box]) => box).sort((a, b) => a.width - b.width);
    for (const [text, at] of texts) {{
        const anchor = getComputedStyle(text).textAnchor;
        const x = {{start: at.left + 2, middle: (at.left + at.right) / 2, end: at.right - 2}}[anchor];
        const y = (at.top + at.bottom) / 2;
        const box = boxes.find(each => each.left <= x && x <= each.right && each.top <= y && y <= each.bottom)
            ?? picture.getBoundingClientRect();
        if (at.right > box.right - {NEAREST} || at.left < box.left + {NEAREST})
            found.push(`${{text.textContent}}: leaves its box`);
        for (const [other, its] of texts) {{
            const wide = Math.min(at.right, its.right) - Math.max(at.left, its.left);
            const high = Math.min(at.bottom, its.bottom) - Math.max(at.top, its.top);
            if (other !== text && wide > 2 && high > 4)
                found.push(`${{text.textContent}}: lies over ${{other.textContent}}`);
        }}
    }}
    return JSON.stringify(found);
}})()"""

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def drawn(browser: Browser, picture: Path) -> list[str]:
    browser.open(picture.as_uri())
    browser.wait("!!document.querySelector('svg')")
    faults: list[str] = json.loads(browser.evaluate(FAULTS))
    return faults


def test_no_text_leaves_its_box(browser: Browser) -> None:
    assert {unit.key: found for unit in PICTURES if (found := drawn(browser, unit.built))} == {}


@pytest.mark.parametrize("also", ["一段很长很长很长很长的文字", ""])
def test_a_text_that_is_too_long_is_found(also: str, browser: Browser, tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    picture.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="100">'
        '<rect x="10" y="10" width="100" height="40"/><text x="20" y="35" font-size="15">镜像站'
        f"{also}</text></svg>",
        "utf-8",
    )
    assert drawn(browser, picture) == ([f"镜像站{also}: leaves its box"] if also else [])
