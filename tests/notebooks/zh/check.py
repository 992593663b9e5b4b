"""What is missing, stale, lost, or not set as Chinese is, unit by unit; and the file that a translator fills in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.notebooks.zh import codes, rules
from tests.notebooks.zh.english import (
    CODES,
    Text,
    Unit,
    exercise_hash,
    exercises,
    picture_texts,
    replies,
    texts,
)
from tests.notebooks.zh.source import MARK, QUOTED, Block, read_blocks, read_table


class Fault(NamedTuple):
    """What is wrong with one text of a unit; ``english`` where it has to be translated."""

    unit: str
    name: str
    wrong: str
    english: str = ""

    def __str__(self) -> str:
        return f"{self.unit}: {self.name}: {self.wrong}"


def faults(unit: Unit) -> list[Fault]:
    """Return what is wrong with a unit."""
    return [Fault(unit.key, *rest) for rest in CHECKS[unit.kind](unit)]


Found = Iterator[tuple[str, ...]]


def match(wanted: list[Text], given: dict[str, Block]) -> dict[str, Block]:
    """Return the block of each text: that of its hash, wherever it is, else that of its name.

    The blocks of a page are numbered, so after an insertion a name may belong to another text: then its block does
    too.
    """
    by_hash = {block.of: block for block in given.values()}
    known = {text.hash for text in wanted}
    stale = {name: block for name, block in given.items() if block.of not in known}
    found = {text.name: by_hash.get(text.hash) or stale.get(text.name) for text in wanted}
    return {name: block for name, block in found.items() if block is not None}


def _markdown(unit: Unit) -> Found:
    wanted, given = texts(unit), read_blocks(unit)
    matched = match(wanted, given)
    for text in wanted:
        block = matched.get(text.name)
        if block is None or not block.chinese:
            yield text.name, "not translated", text.english
        elif block.of != text.hash:
            wrong = f"stale: the English text is now {text.hash}, this translates {block.of}"
            yield text.name, wrong, text.english
        else:
            yield from ((text.name, wrong) for wrong in _prose(text.english, block))
    names, hashes = {text.name for text in wanted}, {text.hash for text in wanted}
    for name, block in given.items():
        if name not in names and block.of not in hashes:
            yield name, "translates no text of the English file any more"


def _prose(english: str, block: Block) -> Iterator[str]:
    yield from rules.lost(english, block.chinese)
    yield from rules.typography(block.chinese)
    yield from rules.terms(english, block.chinese, block.other)


def _exercises(unit: Unit) -> Found:
    wanted, given = exercises()[unit.source.stem], read_table(unit)
    for name, exercise in wanted.items():
        english, table = replies(exercise), given.get(name)
        if table is None:
            yield name, "not translated", json.dumps(english, ensure_ascii=False, indent=1)
            continue
        if table.get("of") != exercise_hash(exercise):
            wrong = f"stale: the English texts are now {exercise_hash(exercise)}, this translates {table.get('of')}"
            yield name, wrong, json.dumps(english, ensure_ascii=False, indent=1)
            continue
        pairs = [("because", english["because"], table.get("because", ""))]
        for key in ("hints", "replies"):
            chinese = table.get(key, [])
            if len(chinese) != len(english[key]):
                yield name, f"{key}: {len(english[key])} are wanted, here are {len(chinese)}"
            pairs += [
                (f"{key} {n}", *pair) for n, pair in enumerate(zip(english[key], chinese, strict=False), 1)
            ]
        for what, text, chinese in pairs:
            if not chinese:
                yield f"{name} {what}", "not translated", text
                continue
            for wrong in rules.typography(_marked(chinese)):
                yield f"{name} {what}", wrong
            for wrong in rules.terms(text, chinese, tuple(table.get("other", ()))):
                yield f"{name} {what}", wrong
    for name in given.keys() - wanted.keys():
        yield name, "is no exercise of this chapter"


def _marked(plain: str) -> str:
    """Return a plain text as Markdown: code in it has no marks, so its quotes and dots are not Chinese ones."""
    return re.sub(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*", lambda found: f"`{found[0].replace('`', '')}`", plain)


def _picture(unit: Unit) -> Found:
    wanted, given = picture_texts(unit.english.read_text("utf-8")), read_table(unit)
    for text, needed in wanted.items():
        chinese = given.get(text, "")
        if not chinese and (needed or text in given):
            yield repr(text), "not translated", text
        elif chinese and re.search(f"[{rules.HAN}]", chinese):
            for wrong in rules.typography(_marked(chinese)):
                yield repr(text), wrong
            for wrong in rules.terms(text, chinese):
                yield repr(text), wrong
    for text in given.keys() - wanted.keys():
        yield repr(text), "is no text of the picture"


def _own(unit: Unit) -> Found:
    text = unit.source.read_text("utf-8")
    if MARK.search(text) or QUOTED.search(text):
        yield "page", "has marks of a translation, and no English file is behind it"
    for wrong in (*rules.typography(text), *rules.terms("", text)):
        yield "page", wrong
    for found in rules.LINK.finditer(text):
        path = found[3].partition("#")[0]
        if path and "://" not in path and path != CODES and not (unit.english.parent / path).exists():
            yield "page", f"links to {path}, which is not there"


def _codes(unit: Unit) -> Found:
    given = read_table(unit)
    wanted: dict[str, set[str]] = {}
    for section, owner, what, english in codes.entries():
        wanted.setdefault(section, set()).add(english)
        chinese = given.get(section, {}).get(english, "")
        name = f"{section}: {owner} {what}"
        if not chinese:
            yield name, "not translated", english
            continue
        yield from ((name, wrong) for wrong in rules.typography(chinese))
        yield from ((name, wrong) for wrong in rules.terms(english, chinese, rules.terms_in_code(chinese)))
    for section, table in given.items():
        for english in table.keys() - wanted.get(section, set()):
            yield f"{section}: {english!r}", "is no text that the page explains"


CHECKS: dict[str, Callable[[Unit], Found]] = {
    "chapter": _markdown,
    "page": _markdown,
    "own": _own,
    "codes": _codes,
    "exercises": _exercises,
    "picture": _picture,
}


# -- the file that a translator fills in -------------------------------------------------------------------


def skeleton(unit: Unit) -> str:
    """Return the source of a unit with what it has, and the English text wherever Chinese is missing or stale."""
    return SKELETONS[unit.kind](unit)


def _markdown_skeleton(unit: Unit) -> str:
    wanted = texts(unit)
    matched = match(wanted, read_blocks(unit))
    return "\n".join(_block_skeleton(text, matched.get(text.name)) for text in wanted)


def _block_skeleton(text: Text, block: Block | None) -> str:
    block = block or Block(text.hash, "")
    other = f"<!-- other: {', '.join(block.other)} -->\n" if block.other else ""
    quoted = ""
    if not block.chinese or block.of != text.hash:
        note = (
            ""
            if block.of == text.hash
            else f"(stale: when the Chinese is right again, write {text.hash} above)\n"
        )
        quoted = f"<!-- en\n{note}{text.english}\n-->\n"
    return f"<!-- {text.name} {block.of} -->\n{other}{quoted}{block.chinese}\n"


def _exercises_skeleton(unit: Unit) -> str:
    given = read_table(unit)
    return "\n".join(
        _exercise_skeleton(name, exercise, given.get(name, {}))
        for name, exercise in exercises()[unit.source.stem].items()
    )


def _exercise_skeleton(name: str, exercise: dict[str, object], table: dict[str, object]) -> str:
    english = replies(exercise)
    of = exercise_hash(exercise)
    fresh = table.get("of") == of
    lines = [f"[{name}]", f'of = "{table.get("of", of)}"']
    if table and not fresh:
        lines.append(f"# stale: when the Chinese is right again, write {of} above")
    if other := table.get("other"):
        lines.append(f"other = {json.dumps(other)}")
    lines.append(f"# {_one_line(english['because'])}")
    lines.append(f"because = {_quoted(table.get('because', ''))}")
    wrong = [f"{each['answer']!r}: " for each in exercise["wrong"]]
    for key, before in (("hints", [""] * len(english["hints"])), ("replies", wrong)):
        chinese = list(table.get(key, ()))
        lines.append(f"{key} = [")
        for n, text in enumerate(english[key]):
            lines.append(f"  # {_one_line(before[n] + text)}")
            lines.append(f"  {_quoted(chinese[n] if n < len(chinese) else '')},")
        lines.append("]")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: object) -> str:
    return json.dumps(text, ensure_ascii=False)


def _picture_skeleton(unit: Unit) -> str:
    given = read_table(unit)
    lines = []
    for text, needed in picture_texts(unit.english.read_text("utf-8")).items():
        if needed or text in given:
            lines.append(f"{_quoted(text)} = {_quoted(given.get(text, ''))}")
    return "\n".join(lines) + "\n"


def _codes_skeleton(unit: Unit) -> str:
    given, section = read_table(unit), ""
    lines: dict[str, None] = {}  # a text that several codes share is there once
    for entry in codes.entries():
        if entry.section != section:
            section = entry.section
            lines[f"\n[{section}]"] = None
        chinese = given.get(section, {}).get(entry.english, "")
        lines[f"{_quoted(entry.english)} = {_quoted(chinese)}"] = None
    return "\n".join(lines).lstrip("\n") + "\n"


SKELETONS: dict[str, Callable[[Unit], str]] = {
    "chapter": _markdown_skeleton,
    "page": _markdown_skeleton,
    "own": lambda unit: unit.source.read_text("utf-8"),
    "codes": _codes_skeleton,
    "exercises": _exercises_skeleton,
    "picture": _picture_skeleton,
}
