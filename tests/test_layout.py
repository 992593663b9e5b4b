"""The house keeps its shape: which room may ask which, no circle, no crowded folder, one dialect, a budget a room.

``python -m tests.test_layout`` prints the house: rooms, modules, lines of code, folders, imports at run time.
Imports inside functions and those for types only count like all others.
"""

from __future__ import annotations

import ast
import functools
import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "regtools"
EXCEPTIONS = Path(__file__).with_name("layout_exceptions.json")

MOST_MODULES = 145
MOST_IN_A_FOLDER = 16
MOST_LINES = 17_000  # of code: blank lines, comments and docstrings are not counted

GROUND = {"regtools", "toml"}
# Which rooms a room may ask; its own modules and the ground (errors, display, reference, version) always.
MAY_ASK = {
    "ground": set(),
    "toml": set(),
    "registries": {"toml"},
    "pull": {"toml", "registries"},
    "campaigns": {"toml", "registries", "pull"},
    "analysis": {"toml", "registries", "pull", "campaigns"},
    "testbed": {"toml", "registries", "pull"},
    "cache": {"toml", "registries", "pull", "testbed"},
    "notebook": {"toml", "registries", "pull", "campaigns", "analysis", "testbed", "cache"},
    # The terminal shows the check-up and copies the chapters; the notebook knows nothing of the terminal.
    "cli": {"toml", "registries", "pull", "campaigns", "analysis", "testbed", "cache", "notebook"},
}
# Lines of code that a room may have, as the house was rebuilt.
BUDGET = {
    "ground": 630,
    "toml": 1_210,
    "registries": 4_110,
    "pull": 2_630,
    "campaigns": 1_430,
    "analysis": 2_290,
    "testbed": 1_500,
    "cache": 1_140,
    "notebook": 530,
    "cli": 1_540,
}
# What each capability that came later may add: modules, and lines of a room. A commit that raises one says why.
LATER: dict[str, tuple[int, dict[str, int]]] = {
    "podman 6.1, hostile drop-ins, hostile input": (0, {"registries": 80, "pull": 180, "testbed": 20}),
    "%%needs": (1, {"notebook": 60}),
    "%regtools, a practice terminal without a network, places that fail": (
        0,
        {"notebook": 30, "testbed": 45},
    ),
    "formats, completion, manual pages": (6, {"cli": 240}),
    "rules as data, tried fixes, neighbours' files, explain in twenty lines": (
        13,
        {"ground": 45, "registries": 1_430, "cli": 190},
    ),
    "failures with cause and cure, addresses, verdict first, charts that tell the finding": (
        5,
        {"ground": 10, "pull": 710, "campaigns": 200, "analysis": 330},
    ),
    "the explorer and the web edition: its answer, and what a browser has not": (
        2,
        {"ground": 25, "registries": 10, "pull": 10, "notebook": 310},
    ),
    "blobs from a host of their own": (0, {"testbed": 20}),
    # Kinds of answers (sets, numbers, image names, command lines, units, the machine), hint, solution, progress.
    "answers compared by meaning": (3, {"notebook": 410}),
    "phases named at their bars instead of in a legend": (0, {"analysis": 40}),
    "messages that fit the terminal and keep commands whole": (0, {"ground": 30}),
    # A canvas whose PNG has a palette; a testbed that refuses logins, addresses in the practice terminal.
    "charts of at most 60 KB, failures to practise": (1, {"analysis": 35, "testbed": 25}),
    # Templates of replies with a table of them in Chinese, --lang, the chapters one by one in the wheel.
    "the Chinese edition": (1, {"notebook": 60, "cli": 25}),
    # Text areas, buttons and sliders below a cell; a line in the package's table of names.
    "many commands in one process leave no pipe behind": (0, {"cli": 15}),
    "Ctrl-C while a module in C loads": (0, {"cli": 10}),
    "the explorer and sliders as widgets": (2, {"ground": 2, "notebook": 190}),
    # A look's verdict on different images and digests asked for; why places failed; redirects; an only mirror.
    "answers that hold in every set-up": (0, {"campaigns": 10, "analysis": 20}),
    # Addresses of web pages and commands in place of names; hosts.toml with Docker Hub and skip_verify.
    "what people paste, answered": (0, {"ground": 12, "registries": 4}),
    # Standard input; file names in a patch as git writes them, and in SARIF where they are not UTF-8.
    "check of any file": (0, {"cli": 25, "registries": 10}),
    # Rows of Parquet files, lists of samples, counters of a cache's registry, links to devices, logins not in UTF-8.
    "checked as journals are": (
        0,
        {"ground": 16, "pull": 10, "campaigns": 40, "analysis": 10, "cache": 10, "cli": 5},
    ),
    "replies that quote an answer: short, escaped, at once": (0, {"notebook": 10}),
    "locations that make no image's name, explained": (0, {"pull": 8}),
    # Chunks that no step of the interpreter touches, pycurl without asyncio, rows that need no dataclasses; named
    # tuples without typing, whose names for annotations are imported in a block of their own; an end at once.
    "a pull as fast as a bare script that hashes": (2, {"ground": 27, "registries": 20, "pull": 118}),
}
for added, lines_of in LATER.values():
    MOST_MODULES += added
    MOST_LINES += sum(lines_of.values())
    BUDGET = {name: least + lines_of.get(name, 0) for name, least in BUDGET.items()}
# Loaded when they are needed: heavy packages, and standard modules that cost over 5 ms where most calls do without,
# or over 1 ms at the start of every command.
HEAVY = {
    "pandas",
    "numpy",
    "matplotlib",
    "PIL",
    "pycurl",
    "tornado",
    "dask",
    "distributed",
    "pyarrow",
    "IPython",
    "ipywidgets",
}
SLOW = {"subprocess", "ssl", "asyncio", "urllib", "tempfile", "difflib", "textwrap", "threading", "signal"}
# Doors that open when somebody knocks: importing module → imported module (a prefix ends with a dot).
DOORS = {
    "regtools": ("regtools.",),
    "regtools.__main__": ("regtools.",),
    "regtools.cli": ("regtools.",),
    # Rules and their patterns, 4 ms of a start of 40, and positions, 1 ms: needed for faulty text only.
    "regtools.toml.reader": ("regtools.toml.diagnosis", "regtools.toml.positions"),
    "regtools.toml.faults": ("regtools.toml.positions",),
    "regtools.toml.toml10": ("regtools.toml.positions",),
    # Journals, and pathlib with them: 3 ms, needed with --journal.
    "regtools.cli.time": ("regtools.campaigns.journal",),
    "regtools.registries.conf": ("regtools.registries.checks",),
    # Logins and certificates: 1 ms, needed where a source has another host than the name, and with -v.
    "regtools.cli.explain": ("regtools.registries.reading.credentials",),
    "regtools.pull.records": ("regtools.pull.frames", "regtools.pull.failures"),
    "regtools.pull.timing": ("regtools.pull.engines.engine.",),
    "regtools.campaigns.campaign": ("regtools.campaigns.hosts.",),
}
# Importing typing takes 3 ms of a start of 25, so one module has the name that spares it, for what each start loads.
SPARED = "regtools.values"
# First words that say nothing of what happens (design: a docstring begins with what the function does).
FIRST_WORDS = re.compile(r"(Give|Say|Tell)\b")


class Import(NamedTuple):
    importer: str
    imported: str
    level: int
    nested: bool
    typing_only: bool
    line: int


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


# These are not made while tests are collected, which every worker does.
@functools.cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and everything in it but expressions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield from statements(child)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (PACKAGE / parts[1]).is_dir() else "ground"


def imports(name: str) -> list[Import]:
    found: list[Import] = []
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]

    def visit(node: ast.AST, nested: bool, typing_only: bool) -> None:
        for child in ast.iter_child_nodes(node):
            inside = nested or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing = typing_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
            if isinstance(child, ast.Import):
                found.extend(
                    Import(name, each.name, 0, nested, typing_only, child.lineno) for each in child.names
                )
            elif isinstance(child, ast.ImportFrom):
                base = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
                source = ".".join([*base, *([child.module] if child.module else [])])
                for each in child.names:
                    whole = f"{source}.{each.name}"
                    target = whole if whole in MODULES else source
                    found.append(Import(name, target, child.level, nested, typing_only, child.lineno))
            elif not isinstance(child, ast.expr):
                visit(child, inside, typing)

    visit(trees()[name], False, False)
    return found


@functools.cache
def every_import() -> list[Import]:
    return [each for name in MODULES for each in imports(name)]


@functools.cache
def inside() -> list[Import]:
    return [each for each in every_import() if each.imported in MODULES]


def code_lines(name: str) -> int:
    """Count lines that hold code; a docstring is a statement of its own that is a text."""
    text = MODULES[name].read_text("utf-8")
    prose = {
        line
        for node in statements(trees()[name])
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    silent = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    coded: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            coded.update(range(token.start[0], token.end[0] + 1))
    return len(coded - prose)


@functools.cache
def lines() -> dict[str, int]:
    """Lines of code of each module."""
    return {name: code_lines(name) for name in MODULES}


def circles() -> list[str]:
    """Modules that reach themselves through imports, each circle as its sorted members (Tarjan's components)."""
    arrows = {name: sorted({e.imported for e in inside() if e.importer == name} - {name}) for name in MODULES}
    # A package's __init__ is loaded with each of its modules, but says nothing of what they ask for.
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[str] = []

    def connect(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in arrows[node]:
            if other not in index:
                connect(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                found.append(" ".join(sorted(members)))

    for name in MODULES:
        if name not in index:
            connect(name)
    return found


def upward() -> list[str]:
    """Arrows between rooms that the plan does not allow; the package's own doors lead everywhere."""
    return sorted(
        {
            f"{each.importer} -> {each.imported}"
            for each in inside()
            if each.importer not in ("regtools", "regtools.__main__")
            and room(each.importer) != (target := room(each.imported))
            and target != "ground"
            and target not in MAY_ASK.get(room(each.importer), set())
        }
    )


def lazy(each: Import) -> bool:
    """Whether an import may stand inside a function."""
    top = each.imported.split(".")[0]
    if top in HEAVY or top in SLOW:
        return True
    return any(
        f"{each.imported}.".startswith(door) or each.imported == door for door in DOORS.get(each.importer, ())
    )


def own(docstring: str | None) -> str:
    return (docstring or "").strip()


def dialect() -> list[str]:
    """Everything that is written in another way than the rest."""
    found = []
    for each in every_import():
        where = f"{each.importer}: {each.imported}"
        if each.nested and not lazy(each):
            found.append(f"{where} is imported inside a function")
        if each.imported in MODULES and each.importer != "regtools":
            same = room(each.importer) == room(each.imported)
            if same and not each.level and room(each.importer) != "ground":
                found.append(f"{where} is a neighbour: import it relatively")
            if not same and each.level:
                found.append(f"{where} is another room: import it by its whole name")
    for name, tree in trees().items():
        for node in statements(tree):
            if (
                isinstance(node, ast.Assign)
                and ast.unparse(node) == "TYPE_CHECKING = False"
                and name != SPARED
            ):
                found.append(f"{name}: TYPE_CHECKING is typing's, or that of {SPARED}")
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module | ast.AsyncFunctionDef):
                text = own(ast.get_docstring(node))
                what = getattr(node, "name", "the module")
                if FIRST_WORDS.match(text):
                    found.append(f"{name}: {what} begins with {text.split()[0]!r}")
                if re.search(r"^Arguments:", text, re.M):
                    found.append(f"{name}: {what} has Arguments: for Args:")
    return sorted(set(found))


def crowded() -> list[str]:
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values())
    return sorted(f"{folder} has {n} modules" for folder, n in folders.items() if n > MOST_IN_A_FOLDER)


def rooms() -> dict[str, int]:
    """Lines of code a room."""
    found = dict.fromkeys(MAY_ASK, 0)
    for name, n in lines().items():
        found[room(name)] = found.get(room(name), 0) + n
    return found


@functools.cache
def broken() -> dict[str, list[str]]:
    over = [f"{name} is over its budget" for name, n in rooms().items() if n > BUDGET.get(name, 0)]
    total = [f"{what} is over its bound" for what, n, most in totals() if n > most]
    return {
        "arrows": upward(),
        "circles": circles(),
        "folders": crowded(),
        "dialect": dialect(),
        "budgets": over + total,
    }


def totals() -> list[tuple[str, int, int]]:
    return [
        ("the number of modules", len(MODULES), MOST_MODULES),
        ("the sum of lines", sum(lines().values()), MOST_LINES),
    ]


@pytest.mark.parametrize("rule", ["arrows", "circles", "folders", "dialect", "budgets"])
def test_the_house_keeps_its_shape(rule: str) -> None:
    """What is not yet so stands in a table that only shrinks."""
    allowed = json.loads(EXCEPTIONS.read_text("utf-8")) if EXCEPTIONS.exists() else {}
    found = broken()[rule]
    new = [each for each in found if each not in allowed.get(rule, [])]
    gone = [each for each in allowed.get(rule, []) if each not in found]
    assert not new, "\n".join(new)
    assert not gone, "no longer so; take it out of the table:\n" + "\n".join(gone)


def picture() -> str:
    sizes = rooms()
    table = [f"{'room':<12}{'modules':>8}{'code lines':>12}{'budget':>8}"]
    for name, n in sizes.items():
        count = sum(room(module) == name for module in MODULES)
        table.append(f"{name:<12}{count:>8}{n:>12}{BUDGET.get(name, 0):>8}")
    table.append(f"{'together':<12}{len(MODULES):>8}{sum(lines().values()):>12}{MOST_LINES:>8}")
    for rule, found in broken().items():
        table.append(f"{rule}: {len(found) or 'as planned'}")
    return "\n".join(table)


def test_the_house_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers are in CI's log, whether all is well or not."""
    with capsys.disabled():
        print(f"\n{picture()}")


if __name__ == "__main__":
    print(picture())
    import sys

    if "--exceptions" in sys.argv:
        EXCEPTIONS.write_text(json.dumps(broken(), indent=1) + "\n", "utf-8")
