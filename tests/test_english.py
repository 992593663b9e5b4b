"""The English of the package: phrases that read as if translated, and what to write instead.

Docstrings, comments, messages, the texts of the rules, the pages at the top, the cache's templates and the chapters
are read. ``python -m tests.test_english`` prints what is found.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Pattern → what to write. A pattern is looked for in text whose line breaks are spaces, in either case.
BANNED = {
    r"\bleads? nowhere\b": "cannot be resolved",
    r"\bnot to be (known|seen|found)\b": "not visible; not known; not found",
    r"\bstands?\b(?!-| for\b)|\bstanding in\b": "is in the table, on line 3; appears; remains",
    r"\bfor ?ever\b": "counts as infinitely slow; without limit",
    r"\bin one pot\b": "pooled",
    r"\bdear(er|est|ly)?\b": "expensive",
    r"\bin vain\b": "without success",
    r"\bbut for\b": "except",
    r"\ba wish(es)?\b": "a requirement",
    r"\btold\b(?! (apart|otherwise|not to)\b)": "reported; says; knows",
    r"\bdice\b": "rng",
    r"\bthe present (?!tense)\w+": "the current order",
    r"\bbelongs? into\b": "belongs in",
    r"\bholds no 1\b": "excludes 1",
    r"\bcosts? (nearly )?nothing\b|\bcosts? as good as\b": "is free; costs almost no time",
    r"(^|[.;:] )Who (?!am|are|is|was)\w+s\b": "A mirror that …; whatever …",
    r"(^|[.;:] )Let \w+ what\b": "Submit every job that can start",
    r"\bnobody\b": "no one; no registry; no process",
    r"\bsomebody\b|\bwhoever\b": "someone; a user; the owner; another project",
    r"\bgives? away\b": "reveals",
    r"\bha(s|ve) not asked\b|\bnobody asked\b": "did not request",
    r"\bwithout (a|further) words?\b": "silently",
    r"\bgo(es)? on(?! (to|a|an|the|at|with)\b)": "continues",
    r"(?<!there )\b(is|are|was|were) no (?!such\b|longer\b|more\b|less\b|one\b|faster\b|slower\b)\w+": "is not a mirror",
    r"\bknows? (no|nothing)\b": "does not know; does not depend on",
    r"\breal parts?\b": "external program",
    r"\b(thereof|therein|hitherto|hereby|wherein|likewise|anew|thence|whence)\b": "a word that people say",
    r"\btill\b": "until",
    r"\bas it were\b|\bas good as\b": "almost",
    r"\bresp\.": "or; and",
    r"\bmakes? (known|sure of)\b": "reports; checks",
    r"\b(has|have|had) the (ear|say|word)\b": "decides",
    r"\b(comes?|came) to nothing\b|\bof no avail\b": "fails; has no effect",
    r"\bwithout end\b": "endless; in a loop",
    r"\bby (and|or) by\b|\bof old\b|\bfrom of\b": "gradually; earlier",
}
OF_DOCSTRINGS = {r"^(Give|Say|Tell)s?\b": "Return …, Read …, Raise …"}
NO_ALARM = (
    "{place} stands for its name; a stand-in; unless told otherwise; the parts cannot be told apart",
    "there is no such file; it is no longer asked; it goes on to the next source; there are no pulls",
)


def of_module(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of docstrings, of comments, and of the other literals that have two words."""
    source = path.read_text("utf-8")
    seen: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            seen.add(id(node.value))
            yield "docstring", str(node.value.value)
        elif isinstance(node, ast.JoinedStr):
            seen.update(map(id, node.values))
            yield (
                "message",
                "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            yield "message", node.value if " " in node.value else ""
    comments = (
        t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type == tokenize.COMMENT
    )
    yield (
        "comment",
        "".join(
            t.string.removeprefix("#") + ("" if t.line.lstrip() == t.string + "\n" else "\n")
            for t in comments
        ),
    )


def of_page(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the text of a page, or the Markdown of a chapter; code that a page quotes is left out."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    yield "page", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def read() -> Iterator[tuple[str, str, str]]:
    """Yield file, kind and text of everything that people read."""
    pages = [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(path for path in sorted((ROOT / "regtools/cache/templates").rglob("*")) if path.is_file()),
        ROOT / "regtools/registries/checks/rules.toml",
        *(
            path
            for kind in ("md", "ipynb", "toml")
            for path in sorted((ROOT / "notebooks").rglob(f"*.{kind}"))
            if not path.is_relative_to(ROOT / "notebooks" / "zh")
        ),
    ]
    for path in (*sorted((ROOT / "regtools").rglob("*.py")), *pages):
        if ".ipynb_checkpoints" not in path.parts:
            for kind, text in (of_module if path.suffix == ".py" else of_page)(path):
                yield path.relative_to(ROOT).as_posix(), kind, " ".join(text.split())


def hits() -> Iterator[tuple[str, str, str]]:
    """Yield file, banned phrase and its surroundings."""
    banned = {pattern: re.compile(pattern, re.IGNORECASE) for pattern in BANNED}
    of_docstrings = banned | {
        pattern: re.compile(pattern) for pattern in OF_DOCSTRINGS if pattern not in BANNED
    }
    once = dict.fromkeys(each for each in read() if each[2])
    for file, kind, text in once:
        for pattern, compiled in (of_docstrings if kind == "docstring" else banned).items():
            for found in compiled.finditer(text):
                around = text[max(0, found.start() - 50) : found.end() + 50]
                yield file, pattern, around


def test_no_text_reads_as_if_translated() -> None:
    found = [
        f"{file}: …{around}…\n    write: {(BANNED | OF_DOCSTRINGS)[pattern]}"
        for file, pattern, around in hits()
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("pattern", BANNED | OF_DOCSTRINGS)
def test_what_to_write_is_not_banned_itself(pattern: str) -> None:
    said = " ".join((BANNED | OF_DOCSTRINGS)[pattern].split())
    assert not any(re.search(each, text, re.IGNORECASE) for each in BANNED for text in (said, *NO_ALARM))


@pytest.mark.parametrize(
    "text",
    [
        "This leads nowhere.", "The key stands in the table.", "It takes for ever.", "All in one pot.", "This is dear.",
        "It tries in vain.", "All but for one.", "as told", "It is no mirror.", "The same command goes on.",
    ],
)  # fmt: skip
def test_a_phrase_is_found(text: str) -> None:
    assert any(re.search(each, text, re.IGNORECASE) for each in BANNED)


if __name__ == "__main__":
    for where, _, what in hits():
        print(f"{where}: …{what}…")
