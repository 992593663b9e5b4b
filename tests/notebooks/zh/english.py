"""What there is to translate: every chapter, page, exercise and picture, cut into named texts with their hashes.

A unit is one file of ``notebooks/zh/source/``; its key is its path there. A hash is the first eight digits of the
SHA-256 of an English text: who changes the text changes the hash, and the translation of the old text is stale.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from regtools.toml.reader import read

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "notebooks"
ZH = NOTEBOOKS / "zh"
SOURCE = ZH / "source"
RULES = ROOT / "regtools" / "registries" / "checks" / "rules.toml"
FENCE = re.compile(r"^(```|~~~)(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
# Languages whose comments are for people, and so are translated; what a program printed (text) is not.
COMMENTED = ("bash", "console", "ini", "python", "sh", "toml", "yaml")

# Pages that the English edition does not have: those written in Chinese first, and the one that explains codes.
OWN = ("accelerators.md",)
CODES = "codes.md"
# The kind of a unit, by the name or the ending of its English file.
KINDS = {
    ".ipynb": "chapter",
    ".md": "page",
    ".svg": "picture",
    "exercises.toml": "exercises",
    "rules.toml": "codes",
}


class Text(NamedTuple):
    """An English text with a name; ``after`` is what separates it from the next one."""

    name: str
    english: str
    after: str = "\n\n"

    @property
    def hash(self) -> str:
        return number(self.english)


@dataclass(frozen=True)
class Unit:
    """What one file of the sources translates.

    Attributes:
        key: the path of the file below ``notebooks/zh/source/``.
        english: the file in English.
        built: the file in Chinese.
    """

    key: str
    english: Path
    built: Path

    @property
    def source(self) -> Path:
        return SOURCE / self.key

    @property
    def kind(self) -> str:
        """Chapter, page, own page, codes, exercises or picture."""
        return KINDS.get(self.english.name) or KINDS[self.english.suffix]


def number(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def units() -> dict[str, Unit]:
    """Return everything that has a Chinese form, in the order in which it is read."""
    found = [Unit("README.md", ROOT / "README.md", ROOT / "README.zh-CN.md")]
    for path in _files(".ipynb") + _files(".md"):
        key = path.relative_to(NOTEBOOKS).with_suffix(".md").as_posix()
        found.append(Unit(key, path, ZH / path.relative_to(NOTEBOOKS)))
    found.append(Unit("data.md", ROOT / "data" / "README.md", ZH / "data.md"))
    found.append(Unit("codes.toml", RULES, ZH / CODES))
    file = NOTEBOOKS / "exercises.toml"
    found += [Unit(f"exercises/{each}.toml", file, ZH / "exercises" / f"{each}.toml") for each in exercises()]
    for path in _files(".svg"):
        key = path.relative_to(NOTEBOOKS).with_suffix(".toml").as_posix()
        found.append(Unit(key, path, ZH / path.relative_to(NOTEBOOKS)))
    found += [Own(key, NOTEBOOKS / key, ZH / key) for key in OWN]
    return {unit.key: unit for unit in found}


def _files(suffix: str) -> list[Path]:
    return [
        path
        for path in sorted(NOTEBOOKS.rglob(f"*{suffix}"))
        if not {"zh", "web", ".ipynb_checkpoints"} & set(path.relative_to(NOTEBOOKS).parts)
    ]


class Own(Unit):
    """A page of the Chinese edition alone; ``english`` is the place from which its links are written."""

    @property
    def kind(self) -> str:
        return "own"


# -- chapters and pages ------------------------------------------------------------------------------------


def texts(unit: Unit) -> list[Text]:
    """Return the texts of a chapter or a page that are translated, in order."""
    if unit.kind == "page":
        return [text for text in blocks(unit.english.read_text("utf-8")) if is_prose(text.english)]
    return list(cells(json.loads(unit.english.read_text("utf-8"))))


def joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def cells(notebook: dict[str, Any]) -> Iterator[Text]:
    """Yield the texts of a chapter: Markdown cells by their id, alt texts of figures as ``alt:id``."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            yield Text(cell["id"], joined(cell["source"]))
        elif alt := cell["metadata"].get("alt"):
            yield Text(f"alt:{cell['id']}", alt)


def blocks(page: str) -> list[Text]:
    """Return all blocks of a page in order: paragraphs, headings, tables, fences, and each item of a list."""
    found: list[tuple[str, str]] = []
    lines: list[str] = []
    fenced = False
    for line in [*page.rstrip("\n").split("\n"), ""]:
        item = re.match(r"(?:[-*]|\d+\.) ", line) is not None
        if lines and not fenced and (not line or item):
            found.append(("\n".join(lines), "\n\n" if not line else "\n"))
            lines = []
        if line or fenced:
            lines.append(line)
        elif found:
            found[-1] = (found[-1][0], found[-1][1] if found[-1][1] == "\n\n" else "\n\n")
        fenced ^= line.startswith(("```", "~~~"))
    return list(_named(found))


def _named(found: list[tuple[str, str]]) -> Iterator[Text]:
    section, seen = "top", dict[str, int]()
    for english, after in found:
        name = section
        if heading := re.match(r"#+ (.+)", english):
            name = section = _slug(heading[1])
        elif word := re.match(r"[-*] \*\*([^*]+)\*\*", english):
            name = _slug(word[1])
        seen[name] = seen.get(name, 0) + 1
        yield Text(name if seen[name] == 1 else f"{name}-{seen[name]}", english, after)


def _slug(title: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:40].strip("-") or "block"


def is_prose(block: str) -> bool:
    """Return whether a block has words for people; a fence has some in its comments only."""
    comments = "".join(line for fence in FENCE.finditer(block) for line in comments_of(fence))
    return re.search("[A-Za-z]", FENCE.sub("", block) + comments) is not None


COMMENT = re.compile(r"(?:^|(?<=\s))#(?: .*)?$")


def comments_of(fence: re.Match[str]) -> list[str]:
    if fence[2] not in COMMENTED:
        return []
    return [found[0] for line in fence[3].splitlines() if (found := COMMENT.search(line))]


# -- exercises ---------------------------------------------------------------------------------------------


@cache
def exercises() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the exercises by chapter, as their file has them."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, table in read((NOTEBOOKS / "exercises.toml").read_bytes()).data.items():
        found.setdefault(name.partition("-")[0], {})[name] = table
    return dict(sorted(found.items()))


def replies(exercise: dict[str, Any]) -> dict[str, Any]:
    """Return what an exercise says, in the form of its translation."""
    wrong = [each["reply"] for each in exercise["wrong"]]
    return {"because": exercise["because"], "hints": list(exercise["hints"]), "replies": wrong}


def exercise_hash(exercise: dict[str, Any]) -> str:
    return number(json.dumps(replies(exercise), ensure_ascii=False))


# -- pictures ----------------------------------------------------------------------------------------------


def picture_texts(svg: str) -> dict[str, bool]:
    """Return each text of a picture, and whether it has to be translated: code, in a fixed-width font, may stay."""
    found: dict[str, bool] = {}

    def visit(node: ET.Element, code: bool) -> None:
        code = "monospace" in node.attrib.get("font-family", "monospace" if code else "")
        for text, is_code in ((node.text, code), *((child.tail, code) for child in node)):
            if text and re.search("[A-Za-z]", text):
                found[text] = found.get(text, False) or not is_code
        for child in node:
            visit(child, code)

    visit(ET.fromstring(svg), code=False)
    return found


def swapped(svg: str, words: dict[str, str]) -> str:
    """Return a picture with its texts replaced; ASCII, as the English ones are."""

    def swap(found: re.Match[str]) -> str:
        text = words.get(html.unescape(found[1]))
        return f">{html.escape(text, quote=False)}<" if text else found[0]

    svg = re.sub(r">([^<>]+)<", swap, svg)
    svg = svg.replace("<svg ", '<svg xml:lang="zh-CN" ', 1)
    svg = svg.replace(
        "system-ui, 'Segoe UI', Helvetica",
        "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', Helvetica",
    )
    return svg.encode("ascii", "xmlcharrefreplace").decode()
