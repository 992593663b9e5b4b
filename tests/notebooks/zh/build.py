"""The Chinese files: those in English with their texts replaced; code and outputs are the stored ones."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from tests.notebooks.zh.check import match
from tests.notebooks.zh.english import Unit, blocks, exercises, joined, swapped, texts, units
from tests.notebooks.zh.rules import LINK
from tests.notebooks.zh.source import read_blocks, read_table


def built(unit: Unit) -> str:
    """Return the Chinese file of a unit; a text that is not translated stays English."""
    return BUILDERS[unit.kind](unit)


def _chinese(unit: Unit) -> dict[str, str]:
    wanted = texts(unit)
    matched = match(wanted, read_blocks(unit))
    return {text.name: _relinked(matched[text.name].chinese, unit) for text in wanted if text.name in matched}


def _chapter(unit: Unit) -> str:
    notebook = json.loads(unit.english.read_text("utf-8"))
    chinese = _chinese(unit)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = chinese.get(cell["id"], joined(cell["source"])).splitlines(keepends=True)
        elif alt := chinese.get(f"alt:{cell['id']}"):
            cell["metadata"]["alt"] = alt
    notebook["metadata"].setdefault("regtools", {})["language"] = "zh-CN"
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _page(unit: Unit) -> str:
    chinese, anchors = _chinese(unit), dict[str, str]()
    parts = []
    for text in blocks(unit.english.read_text("utf-8")):
        parts += [chinese.get(text.name) or _relinked(text.english, unit), text.after]
        if text.english.startswith("#"):
            anchors[_anchor(text.english)] = _anchor(parts[-2])
    page = "".join(parts).rstrip("\n") + "\n"
    return re.sub(r"\]\(#([^)]+)\)", lambda found: f"](#{anchors.get(found[1], found[1])})", page)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")


def _relinked(text: str, unit: Unit) -> str:
    """Return the text with each link leading to the Chinese file, or to the English one where there is no other."""

    def lead(found: re.Match[str]) -> str:
        return f"{found[1]}[{found[2]}]({_target(found[3], unit)})"

    return LINK.sub(lead, text)


def _target(link: str, unit: Unit) -> str:
    path, sign, anchor = link.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link
    english = Path(os.path.normpath(unit.english.parent / path))
    there = {each.english: each.built for each in units().values() if each.source.exists()}
    target = there.get(english, english)
    return Path(os.path.relpath(target, unit.built.parent)).as_posix() + sign + anchor


def _exercises(unit: Unit) -> str:
    given = read_table(unit)
    lines = ["# Built by `make zh` from notebooks/zh/source/; not to be edited."]
    for name in exercises()[unit.source.stem]:
        table = given.get(name, {})
        lines += ["", f"[{name}]", f"because = {_quoted(table.get('because', ''))}"]
        for key in ("hints", "replies"):
            lines += [f"{key} = [", *(f"  {_quoted(text)}," for text in table.get(key, ())), "]"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _picture(unit: Unit) -> str:
    return swapped(unit.english.read_text("utf-8"), read_table(unit))


BUILDERS: dict[str, Callable[[Unit], str]] = {
    "chapter": _chapter,
    "page": _page,
    "exercises": _exercises,
    "picture": _picture,
}


def write(unit: Unit) -> bool:
    """Write the Chinese file of a unit; return whether it has changed."""
    text = built(unit)
    if unit.built.exists() and unit.built.read_text("utf-8") == text:
        return False
    unit.built.parent.mkdir(parents=True, exist_ok=True)
    unit.built.write_text(text, encoding="utf-8", newline="\n")
    return True
