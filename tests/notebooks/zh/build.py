"""The Chinese files: those in English with their texts replaced; code and outputs are the stored ones."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from regtools.notebook import lesson
from regtools.notebook.exercises import Exercise, load_exercises
from regtools.notebook.language import VARIABLE
from tests.notebooks.zh import codes
from tests.notebooks.zh.check import match
from tests.notebooks.zh.english import (
    CODES,
    NOTEBOOKS,
    Unit,
    blocks,
    exercises,
    joined,
    swapped,
    texts,
    units,
)
from tests.notebooks.zh.rules import LINK
from tests.notebooks.zh.source import read_blocks, read_table

HEADING = re.compile(r"^#+ .+$", re.MULTILINE)


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
    _reply(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = chinese.get(cell["id"], joined(cell["source"])).splitlines(keepends=True)
        elif alt := chinese.get(f"alt:{cell['id']}"):
            cell["metadata"]["alt"] = alt
    notebook["metadata"].setdefault("regtools", {})["language"] = "zh-CN"
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


REPLIES = ("check", "hint", "solution", "progress")
CALL = re.compile(rf"^(?:{'|'.join(REPLIES)})\(", re.MULTILINE)


def _reply(notebook: dict[str, Any]) -> None:
    """Replace what the exercises reply in a chapter; all else that its cells print is the stored output."""
    cells = [cell for cell in notebook["cells"] if CALL.search(joined(cell["source"]))]
    sources = [joined(cell["source"]) for cell in cells]
    for cell, english, chinese in zip(cells, replies(sources, ""), replies(sources, "zh"), strict=True):
        for output in cell["outputs"]:
            if joined(output.get("text", "")) == english:
                output["text"] = chinese.splitlines(keepends=True)


@cache
def _exercises_in(language: str) -> dict[str, Exercise]:
    """Read the exercises, which takes a while, once for all chapters."""
    with patch.dict(os.environ, {VARIABLE: language}):
        return load_exercises()


def replies(sources: list[str], language: str) -> list[str]:
    """Return what the cells of a chapter print that call the exercises, in order, as in a new kernel."""
    names: dict[str, object] = {name: getattr(lesson, name) for name in REPLIES}
    printed = []
    once = {"_GRADES": {}, "_SHOWN": {}, "load_exercises": lambda: _exercises_in(language)}
    with patch.dict(os.environ, {VARIABLE: language}), patch.multiple(lesson, **once):
        for source in sources:
            with redirect_stdout(io.StringIO()) as out:
                exec(source, names)
            printed.append(out.getvalue())
    return printed


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


@cache
def _there() -> dict[Path, Unit]:
    return {each.english: each for each in units().values() if each.source.exists()}


def _target(link: str, unit: Unit) -> str:
    path, sign, anchor = link.partition("#")
    if not path or "://" in path or path.startswith("mailto:") or path.rpartition("/")[2] == CODES:
        return link
    english = Path(os.path.normpath(unit.english.parent / path))
    if english == unit.english:  # a page leads to itself in the other language
        return link
    there = _there()
    target = there[english].built if english in there else english
    if anchor and english in there:
        anchor = _section(there[english], anchor)
    return Path(os.path.relpath(target, unit.built.parent)).as_posix() + sign + anchor


def _section(unit: Unit, anchor: str) -> str:
    """Return the anchor of the Chinese heading that stands where the English one does."""
    named = _id if unit.kind == "chapter" else _anchor
    wanted = texts(unit)
    matched = match(wanted, read_blocks(unit))
    for text in (each for each in wanted if each.name in matched):
        pairs = zip(HEADING.findall(text.english), HEADING.findall(matched[text.name].chinese), strict=False)
        for english, chinese in pairs:
            if named(english) == anchor:
                return named(chinese)
    return anchor


def _id(heading: str) -> str:
    """Return the id that JupyterLab gives to a heading of a notebook."""
    return re.sub(r"[`*]", "", heading.lstrip("# ")).replace(" ", "-")


def _own(unit: Unit) -> str:
    return _relinked(unit.source.read_text("utf-8"), unit)


def _codes(unit: Unit) -> str:
    """Return the page of codes; its links are written as those of a page beside the English chapters."""
    beside = dataclasses.replace(unit, english=NOTEBOOKS / CODES)
    return _relinked(codes.page(read_table(unit)), beside)


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
    "codes": _codes,
    "exercises": _exercises,
    "picture": _picture,
    "own": _own,
}


def write(unit: Unit) -> bool:
    """Write the Chinese file of a unit; return whether it has changed."""
    text = built(unit)
    if unit.built.exists() and unit.built.read_text("utf-8") == text:
        return False
    unit.built.parent.mkdir(parents=True, exist_ok=True)
    unit.built.write_text(text, encoding="utf-8", newline="\n")
    return True
