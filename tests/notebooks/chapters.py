"""What every chapter must be, as rules over its cells: sizes, minutes, words, outputs, exercises, pictures.

``python -m tests.notebooks.chapters`` prints a table, and ``--faults`` each fault in words. What is not yet as
it must be is counted in ``chapter_exceptions.json``, which only shrinks: ``--exceptions`` takes out what has gone.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil
from pathlib import Path

from nbformat import NotebookNode

from regtools.notebook.exercises import Exercise, load_exercises
from regtools.notebook.needs import needed
from tests.notebooks.stored import CHAPTERS, NOTEBOOKS, code_cells, read
from tests.test_english import BANNED

EXCEPTIONS = Path(__file__).with_name("chapter_exceptions.json")
WORDS_A_MINUTE = 200  # of technical prose
MINUTES_A_CELL = 0.25  # to run a cell and to look at what it shows
MINUTES_AN_EXERCISE = 1.5
MINUTES_OFF = 3  # by how much the head line may differ: it says "about"
MADE = ("toml", "conf", "unit", "command", "machine")  # kinds whose answer is a thing that the reader makes
LARGEST_FIGURE = 60_000
SHORTEST_ALT = 40


@dataclass(frozen=True)
class Chapter:
    """A stored chapter."""

    path: Path

    @property
    def number(self) -> str:
        return self.path.stem.partition("-")[0]

    @property
    def is_lesson(self) -> bool:
        """Whether it is neither the overview nor an analysis; these are shorter."""
        return not self.path.stem.startswith(("00", "A"))

    @cached_property
    def cells(self) -> list[NotebookNode]:
        return list(read(self.path).cells)

    @cached_property
    def code(self) -> list[NotebookNode]:
        return code_cells(self.path)

    @cached_property
    def prose(self) -> str:
        """What is read: no code, and nothing that is folded."""
        text = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        return re.sub(r"<details>.*?</details>|```.*?```", "", text, flags=re.DOTALL)

    @property
    def words(self) -> int:
        return len(self.prose.split())

    @property
    def exercises(self) -> list[Exercise]:
        return [each for name, each in _exercises().items() if name.partition("-")[0] == self.number]

    @property
    def verbs(self) -> list[str]:
        """The verbs of "You will be able to"."""
        goals = re.search(r"\*\*You will be able to\*\*\n\n((?:- .+\n?)+)", self.prose)
        return re.findall(r"^- \*\*([a-z]+)\*\* ", goals[1], re.MULTILINE) if goals else []

    @property
    def minutes(self) -> float:
        """How long it takes, by its words, cells and exercises."""
        return (
            self.words / WORDS_A_MINUTE
            + len(self.code) * MINUTES_A_CELL
            + len(self.exercises) * MINUTES_AN_EXERCISE
        )

    @property
    def promised(self) -> int:
        """The minutes of its head line."""
        found = re.search(r"about (\d+) minutes", self.cells[0].source)
        return int(found[1]) if found else 0

    def section_minutes(self, heading: str) -> float:
        """How long one section takes: from its heading to the next one of its level."""
        words = code = exercises = 0
        inside = False
        for cell in self.cells:
            if cell.cell_type == "code":
                code += inside
                exercises += inside and "check(" in cell.source
                continue
            for line in re.sub(r"<details>.*?</details>", "", cell.source, flags=re.DOTALL).splitlines():
                inside = line == f"## {heading}" if line.startswith(("# ", "## ")) else inside
                words += len(line.split()) if inside else 0
        return words / WORDS_A_MINUTE + code * MINUTES_A_CELL + exercises * MINUTES_AN_EXERCISE


@cache
def _exercises() -> dict[str, Exercise]:
    return load_exercises()


# -- rules: each yields a line for each fault --------------------------------------------------------------


def _sizes(chapter: Chapter) -> Iterator[str]:
    least_words, least_cells = (1200, 35) if chapter.is_lesson else (600, 20)
    if not least_words <= chapter.words <= 1800:
        yield f"{chapter.words} words of prose, wanted are {least_words} to 1800"
    if not least_cells <= len(chapter.cells) <= 60:
        yield f"{len(chapter.cells)} cells, wanted are {least_cells} to 60"


def _lines(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        lines = len(cell.source.splitlines()) - bool(needed(cell.source))
        if not 1 <= lines <= 15:
            yield f"{cell.id}: {lines} lines of code, at most 15 are read"
        if (widest := max(map(len, cell.source.splitlines()), default=0)) > 100:
            yield f"{cell.id}: a line of {widest} characters, at most 100 fit"


def _minutes(chapter: Chapter) -> Iterator[str]:
    if abs(chapter.promised - chapter.minutes) > MINUTES_OFF:
        yield f"the head line says {chapter.promised} minutes, words and cells say {chapter.minutes:.0f}"


def _terms(chapter: Chapter) -> Iterator[str]:
    order = [each.path.stem.partition("-")[0] for each in every_chapter()]
    for word, shown_in in _glossary().items():
        if shown_in not in order or order.index(shown_in) <= order.index(chapter.number):
            continue
        pattern = re.compile(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", re.IGNORECASE)
        if any(pattern.search(paragraph) for paragraph in _paragraphs(chapter)):
            yield f"“{word}” is introduced in chapter {shown_in}: introduce it here, or link to the glossary"


def _paragraphs(chapter: Chapter) -> Iterator[str]:
    """Yield what a reader must understand by now: no table, no code, nothing that links to an explanation."""
    text = chapter.prose.partition("\n## Next\n")[0]
    for paragraph in re.split(r"\n\s*\n", text):
        if "glossary.md" in paragraph or paragraph.lstrip().startswith(("|", "!")):
            continue
        yield re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", " ", paragraph)


# Words of the glossary that everyone knows; the glossary says what they mean here.
ORDINARY = {
    "alias",
    "array",
    "baseline",
    "body",
    "cache",
    "cold",
    "config",
    "container",
    "domain",
    "engine",
    "host",
    "image",
    "key",
    "layer",
    "measurement",
    "mirror",
    "name",
    "network",
    "pair",
    "place",
    "platform",
    "port",
    "prefix",
    "process",
    "program",
    "pull",
    "refusal",
    "registry",
    "round",
    "run",
    "share",
    "silence",
    "source",
    "storage",
    "table",
    "tag",
    "time",
    "value",
    "warm",
}


@cache
def _glossary() -> dict[str, str]:
    """Return each word of the glossary with the chapter that introduces it."""
    page = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
    found = re.findall(r"^- \*\*([^*]+)\*\*: .+? \(\[([\dA]\d)\]\(", page, re.MULTILINE)
    return {word: number for word, number in found if word not in ORDINARY}


_TRUTH = re.compile(r"[\s\[\](),]*(?:True|False)(?:[\s\[\](),]+(?:True|False))*[\s\[\](),]*")
_GAP = re.compile(
    r"(?:^|[\s(=:≈–])(?:…|\.\.\.)(?=[×x%–)]|\s?(?:ms|s|kB|MB|B)\b)|[=:]\s+(?:…|\.\.\.)\s*$", re.MULTILINE
)


def _texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        yield "".join(text)


def _truths(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        for text in _texts(cell):
            if _TRUTH.fullmatch(text):
                yield f"{cell.id} shows only {text.strip()}: show the numbers, and assert"


def _gaps(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        if any(_GAP.search(text) for text in _texts(cell)):
            yield f"{cell.id} shows an ellipsis in place of a number: tag the cell as measured"


def _untested(chapter: Chapter) -> Iterator[str]:
    tested = {each.verb for each in chapter.exercises}
    for verb in chapter.verbs:
        if verb not in tested:
            yield f"no exercise tests “{verb}”"
    for each in chapter.exercises:
        if each.verb and each.verb not in chapter.verbs:
            yield f'{each.name} tests "{each.verb}", which the head of the chapter does not promise'


def _made(chapter: Chapter) -> Iterator[str]:
    count = len(chapter.exercises)
    if count < 3:
        yield f"{count} exercises, wanted are at least 3"
    made = sum(each.rule.kind in MADE for each in chapter.exercises)
    for _ in range(ceil(count / 3) - made):
        yield f"{made} of {count} exercises make a file or a command, wanted is a third"


def _letters(chapter: Chapter) -> Iterator[str]:
    for each in chapter.exercises:
        if isinstance(each.expected, str) and re.fullmatch(r"[a-z]", each.expected):
            yield f"{each.name} asks for a letter"


def _alts(chapter: Chapter) -> Iterator[str]:
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", chapter.prose):
        if len(alt) < SHORTEST_ALT:
            yield f"{target}: its alt text is too short to say what it shows"
    for cell in chapter.code:
        if list(_figures(cell)) and len(cell.metadata.get("alt", "")) < SHORTEST_ALT:
            yield f"{cell.id}: its metadata has no alt text for the figure"


def _figures(cell: NotebookNode) -> Iterator[bytes]:
    for output in cell.outputs:
        if picture := output.get("data", {}).get("image/png"):
            yield base64.b64decode(picture)


def _large(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        for picture in _figures(cell):
            if len(picture) > LARGEST_FIGURE:
                yield f"{cell.id}: a figure of {len(picture) / 1000:.0f} kB, at most {LARGEST_FIGURE // 1000} kB are wanted"


def _phrases(chapter: Chapter) -> Iterator[str]:
    text = " ".join(chapter.prose.split())
    for pattern, instead in BANNED.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield f"“{found[0]}”: write {instead}"


RULES: dict[str, Callable[[Chapter], Iterator[str]]] = {
    "sizes": _sizes,
    "lines": _lines,
    "minutes": _minutes,
    "phrases": _phrases,
    "terms": _terms,
    "truths": _truths,
    "gaps": _gaps,
    "verbs": _untested,
    "made": _made,
    "letters": _letters,
    "alts": _alts,
    "figures": _large,
}


@cache
def every_chapter() -> tuple[Chapter, ...]:
    """Return the chapters in the order in which they are read."""
    return tuple(sorted(map(Chapter, CHAPTERS), key=lambda each: each.path.name))


def faults(chapter: Chapter) -> dict[str, list[str]]:
    """Return what is not as it must be, by rule."""
    return {name: found for name, rule in RULES.items() if (found := list(rule(chapter)))}


def allowed() -> dict[str, dict[str, int]]:
    """Return how many faults of each rule a chapter still has."""
    table: dict[str, dict[str, int]] = json.loads(EXCEPTIONS.read_text("utf-8"))
    return table


def shrunk() -> dict[str, dict[str, int]]:
    """Return the exceptions without what has gone; no count ever rises."""
    table: dict[str, dict[str, int]] = {}
    for chapter in every_chapter():
        found, old = faults(chapter), allowed().get(chapter.path.stem, {})
        left = {rule: min(count, len(found.get(rule, ()))) for rule, count in old.items()}
        if left := {rule: count for rule, count in left.items() if count}:
            table[chapter.path.stem] = left
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", action="store_true", help="print each fault in words")
    parser.add_argument("--exceptions", action="store_true", help="take out of the exceptions what has gone")
    options = parser.parse_args()
    if options.exceptions:
        EXCEPTIONS.write_text(json.dumps(shrunk(), indent=1, sort_keys=True) + "\n", "utf-8")
    head = ("chapter", "words", "cells", "code", "longest", "says", "minutes", "exercises", "made", *RULES)
    print(f"{head[0]:<28}" + "".join(f"{each:>10}" for each in head[1:]))
    for chapter in every_chapter():
        found = faults(chapter)
        longest = max(len(cell.source.splitlines()) for cell in chapter.code)
        made = sum(each.rule.kind in MADE for each in chapter.exercises)
        numbers = (
            *(chapter.words, len(chapter.cells), len(chapter.code), longest, chapter.promised),
            *(round(chapter.minutes), len(chapter.exercises), made),
            *(len(found.get(rule, ())) or "-" for rule in RULES),
        )
        print(f"{chapter.path.stem:<28}" + "".join(f"{each:>10}" for each in numbers))
        if options.faults:
            for rule, lines in found.items():
                print("\n".join(f"    {rule}: {line}" for line in lines))


if __name__ == "__main__":
    main()
