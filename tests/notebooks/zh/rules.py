"""What a translation has to keep, and how Chinese is set: rules over one block, each a line for a fault."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.notebooks.zh.english import CODES, COMMENT, COMMENTED, FENCE, OWN, SOURCE

HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
WIDE = r"，。；：？！、（）“”‘’《》【】…—"
CODE = re.compile(r"(`+)(?!`)((?:.|\n(?!\n))+?)(?<!`)\1(?!`)")  # a wrapped line may end inside
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
TAG = re.compile(r"</?[a-zA-Z][^>]*>")


# -- what is kept ------------------------------------------------------------------------------------------


def fences(text: str) -> list[str]:
    """Return the fences of a block without their comments, which may be translated."""
    found = []
    for fence in FENCE.finditer(text):
        body = fence[3]
        if fence[2] in COMMENTED:
            body = "\n".join(COMMENT.sub("#", line).rstrip() for line in body.splitlines())
            body = re.sub(r" +#", " #", body)
        found.append(f"{fence[2]}\n{body}")
    return found


def _unfenced(text: str) -> str:
    return FENCE.sub("\n", text)


def _code(text: str) -> list[str]:
    return sorted({found[2].replace("\n", " ") for found in CODE.finditer(_unfenced(text))})


def _links(text: str) -> list[str]:
    """Return where a text links to; pages of the Chinese edition alone are linked in Chinese only."""
    found = (found[3] for found in LINK.finditer(_unfenced(text)))
    return sorted(link for link in found if Path(link).name not in (*OWN, CODES))


def _headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", _unfenced(text), re.MULTILINE)


def _tags(text: str) -> list[str]:
    return TAG.findall(CODE.sub("", _unfenced(text)))


def _rows(text: str) -> list[int]:
    rows = [CODE.sub("x", line) for line in _unfenced(text).splitlines() if line.startswith("|")]
    return [row.count("|") for row in rows]


def _items(text: str) -> list[str]:
    return re.findall(r"^( *(?:[-*]|\d+\.)) ", _unfenced(text), re.MULTILINE)


def _numbers(text: str) -> list[str]:
    text = CODE.sub(" ", LINK.sub(r"\2", _unfenced(text)))
    found = re.findall(r"(?<![\w.])\d[\d,.\u202f]*(?![\d\w])", text)
    return sorted({re.sub(r"[,\u202f]", "", each).strip(".,") for each in found})


KEPT: dict[str, Callable[[str], list[object]]] = {
    "fences (all but comments)": fences,
    "code spans": _code,
    "links": _links,
    "levels of headings": _headings,
    "tags": _tags,
    "rows of tables and their columns": _rows,
    "items of lists": _items,
}


# What opens the Chinese edition, or leads to the other one, and what is there in English.
OPENED = {
    "make lab-zh": "make lab",
    "regtools lab --lang zh": "regtools lab",
    "](README.md)": "](README.zh-CN.md)",
}


def lost(english: str, chinese: str) -> Iterator[str]:
    """Yield what a translation has lost or added; the commands that open the Chinese edition count as the others."""
    for ours, theirs in OPENED.items():
        english, chinese = english.replace(ours, theirs), chinese.replace(ours, theirs)
    for what, find in KEPT.items():
        wanted, got = find(english), find(chinese)
        if wanted != got:
            less = [each for each in wanted if each not in got]
            more = [each for each in got if each not in wanted]
            if less or more:
                yield f"{what}: missing {less}, added {more}"
            else:
                yield f"{what}: wanted {wanted}, found {got}"
    if gone := [each for each in _numbers(english) if each not in re.sub(r"[,\u202f]", "", chinese)]:
        yield f"numbers: missing {gone}"
    for found in LINK.finditer(_unfenced(chinese)):
        if found[1] and not re.search(f"[{HAN}]", found[2]):
            yield f"alt text: {found[3]} has none in Chinese"


# -- how Chinese is set ------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """Return the text as it is read: code spans as one Latin letter, links as if in italics, no tags, no fences."""
    text = CODE.sub("x", _unfenced(text))
    for _ in range(2):  # a picture may be inside a link
        text = LINK.sub(r"*\2*", text)
    text = re.sub(r"^[ \t]*(?:[-*]|\d+\.|#+|>) ", "", TAG.sub("", text), flags=re.MULTILINE)
    return re.sub(r"^\|[:| -]+\|$", "", text, flags=re.MULTILINE)


# Pattern → what is wrong. The text has no asterisks any more, except where a rule says so.
SET: dict[str, str] = {
    f"[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]": "write a blank between Chinese and Latin letters, digits or code",
    f"[{HAN}] +[{HAN}]": "no blank between two Chinese characters",
    f"[{HAN}\\w%）”] +[，。；：？！、）”》]|[（“《] +": "no blank beside full-width punctuation",
    f"[{HAN}）”][,;:?!.](?![\\w/])": "full-width punctuation after Chinese: ，；：？！。",
    f"[{HAN}] ?\\(|\\) ?[{HAN}]|\\([{HAN}]": "full-width brackets beside Chinese: （）",
    f'[{HAN}]"|"[{HAN}]': "Chinese quotation marks: “”",
    f"[{HAN}]'|'[{HAN}]": "Chinese quotation marks: ‘’",
    f"[{HAN}]\\.\\.\\.|\\.\\.\\.[{HAN}]|[{HAN}]…(?!…)(?<!……)": "an ellipsis is ……",
    f"[{HAN}] ?(?:--|–|—(?!—))(?<!——) ?[{HAN}]": "a dash is ——",
    "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]": "full-width digits or letters",
}
# What counts only where no asterisk is between: a blank is wanted after bold that ends with punctuation.
SIDES: dict[str, str] = {
    f"[{WIDE}] +(?=[{HAN}A-Za-z0-9])": "no blank after full-width punctuation",
    f"[{HAN}A-Za-z0-9] +[（“《]": "no blank before full-width punctuation",
    "[；：，。！？、]{2,}": "two punctuation marks in a row",
}
STARTS = re.compile(f"(?:\\*+|[“（])?[{HAN}A-Za-z]")


def typography(chinese: str) -> Iterator[str]:
    """Yield what is not set as Chinese is."""
    text = _plain(chinese)
    bare = re.sub(r"(?<!\*)\*{1,3}(?!\*)", "", text)
    for patterns, said in ((SET, bare), (SIDES, text)):
        for pattern, wrong in patterns.items():
            for found in re.finditer(pattern, said):
                near = said[max(0, found.start() - 6) : found.end() + 6].replace("\n", " ")
                yield f"{wrong}: …{near}…"
    for opening, closing in ("（）", "“”", "《》"):
        if text.count(opening) != text.count(closing):
            yield f"{opening} and {closing} are not in pairs"
    lines = TAG.sub("", _unfenced(chinese)).split("\n")
    for line, following in pairwise(lines):
        if re.search(f"[{HAN}{WIDE}]\\**$", line) and STARTS.match(following) and line[0] not in "#|":
            yield f"a paragraph is one line (a line break is shown as a blank): …{line[-8:]}⏎{following[:8]}…"
    yield from emphasis(chinese)


def emphasis(chinese: str) -> Iterator[str]:
    """Yield each bold or italic that CommonMark does not make: its end follows punctuation and precedes a letter."""
    for paragraph in re.split(r"\n\s*\n|\n(?=[|>-]|\d+\. )", CODE.sub("x", _unfenced(chinese))):
        text = LINK.sub(
            lambda found: "[]" if found[1] else f"[{found[2]}]",
            re.sub(r"^\s*\* ", "", TAG.sub("", paragraph)),
        )
        opened: list[str] = []
        for run in re.finditer(r"\*+", text):
            before, after = text[run.start() - 1 : run.start()] or " ", text[run.end() : run.end() + 1] or " "
            closes = bool(opened) and opened[-1] == run[0]
            flanks = _flanks(after, before) if closes else _flanks(before, after)
            if closes:
                opened.pop()
            else:
                opened.append(run[0])
            if not flanks:
                near = text[max(0, run.start() - 8) : run.end() + 6]
                yield f"not {'bold' if len(run[0]) > 1 else 'italic'} in CommonMark, write a blank outside: …{near}…"
        if opened:
            yield f"a {opened[-1]} is not closed: {text[:20]}…"


def _flanks(outside: str, inside: str) -> bool:
    """Return whether a run of asterisks between the two opens (or, read backwards, closes) an emphasis."""
    if inside.isspace():
        return False
    return not _is_mark(inside) or outside.isspace() or _is_mark(outside)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


# -- terms -------------------------------------------------------------------------------------------------


class Term(NamedTuple):
    """A row of TERMS.md."""

    english: tuple[str, ...]
    chinese: tuple[str, ...]
    never: tuple[str, ...]
    checked: bool


@cache
def term_base() -> tuple[Term, ...]:
    """Read the table of TERMS.md: English, Chinese, what is never written, and whether it is checked."""
    found = []
    for line in (SOURCE / "TERMS.md").read_text("utf-8").splitlines():
        columns = [each.strip() for each in line.split("|")[1:-1]]
        if len(columns) != 5 or columns[3] not in ("是", "否"):
            continue
        english, chinese, never, checked, _ = columns
        found.append(Term(_forms(english), _forms(chinese), _forms(never), checked == "是"))
    return tuple(found)


def _forms(cell: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in cell.split(" / ") if each.strip())


def terms(english: str, chinese: str, other: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield each term of the English text that the Chinese one does not have, and each word never to be written."""
    words, said = _prose(english), _prose(chinese)
    for term in term_base():
        for never in term.never:
            if never in said and term.english[0] not in other:
                yield f"term: never “{never}” for {term.english[0]}: write {' / '.join(term.chinese)}"
        if not term.checked or term.english[0] in other:
            continue
        if any(_word(each).search(words) for each in term.english) and not any(
            c in said for c in term.chinese
        ):
            yield f"term: {term.english[0]} is {' / '.join(term.chinese)}"


def terms_in_code(chinese: str) -> tuple[str, ...]:
    """Return the terms that are in the code of a text whose English form does not mark its code."""
    code = " ".join(_code(chinese))
    return tuple(
        term.english[0] for term in term_base() if any(_word(each).search(code) for each in term.english)
    )


@cache
def _word(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(term)}(?:s|es)?(?![\w-]|\.\w)", re.IGNORECASE)


def _prose(text: str) -> str:
    text = CODE.sub(" ", _unfenced(text))
    for _ in range(2):
        text = LINK.sub(r"\2", text)
    return " ".join(TAG.sub("", text).replace("*", "").split())
