"""The Chinese edition.

python -m tests.notebooks.zh skeleton 08    write the files to fill in: chapter 08, its exercises and pictures
python -m tests.notebooks.zh check 08       say what is wrong with them
python -m tests.notebooks.zh stale 08       print what is missing or stale, with the English text
python -m tests.notebooks.zh tidy 08        take the English texts out of the sources again
python -m tests.notebooks.zh build 08       check, then write notebooks/zh/ (make zh CHAPTER=08)
python -m tests.notebooks.zh missing        take out of the table of missing units what is there now

A word that names no chapter is part of a file's name, such as ``glossary``; without one, all is meant.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path

from tests.notebooks.zh.build import write
from tests.notebooks.zh.check import Fault, faults, skeleton
from tests.notebooks.zh.english import ROOT, Unit, units
from tests.notebooks.zh.source import QUOTED

MISSING = Path(__file__).with_name("missing.json")


def chosen(word: str) -> list[Unit]:
    """Return the units of a chapter, or those whose name begins with a word; all for no word."""
    found = [unit for unit in units().values() if unit.source.name.startswith(word)]
    if not found:
        raise SystemExit(f"nothing is called {word}: there are {', '.join(units())}")
    return found


def missing() -> list[str]:
    """Return the units that are not translated yet."""
    return [unit.key for unit in units().values() if not unit.source.exists()]


def _skeleton(found: list[Unit]) -> int:
    for unit in found:
        unit.source.parent.mkdir(parents=True, exist_ok=True)
        unit.source.write_text(skeleton(unit), encoding="utf-8", newline="\n")
        print(unit.source.relative_to(ROOT))
    return 0


def _tidy(found: list[Unit]) -> int:
    for unit in found:
        if unit.source.suffix == ".md" and unit.source.exists():
            text = unit.source.read_text("utf-8")
            unit.source.write_text(QUOTED.sub("", text), encoding="utf-8", newline="\n")
    return 0


def _there(found: list[Unit]) -> list[Unit]:
    return [unit for unit in found if unit.source.exists()]


def _faults(found: list[Unit]) -> list[Fault]:
    return [fault for unit in found for fault in faults(unit)]


def _check(found: list[Unit]) -> int:
    wrong = _faults(_there(found))
    for fault in wrong:
        stale = fault.wrong.startswith("stale")
        print(f"{fault}\n{textwrap.indent(fault.english, '    ')}" if stale else fault)
    print(f"{len(_there(found))} of {len(found)} files are there; {len(wrong)} faults")
    return 1 if wrong else 0


def _stale(found: list[Unit]) -> int:
    for fault in _faults(found):
        if fault.english:
            print(f"== {fault}\n{fault.english}\n")
    return 0


def _build(found: list[Unit]) -> int:
    status = _check(found)
    if not status:
        # What exercises reply is part of the chapters.
        for unit in sorted(_there(found), key=lambda each: each.kind == "chapter"):
            if write(unit):
                print(f"{unit.built.relative_to(ROOT)}: written")
    return status


def _missing(_: list[Unit]) -> int:
    known = json.loads(MISSING.read_text("utf-8")) if MISSING.exists() else list(units())
    left = [key for key in known if key in missing()]
    MISSING.write_text(json.dumps(left, indent=1) + "\n", encoding="utf-8")
    print(f"{len(left)} of {len(units())} files are missing")
    return 0


COMMANDS = {
    "skeleton": _skeleton,
    "check": _check,
    "stale": _stale,
    "tidy": _tidy,
    "build": _build,
    "missing": _missing,
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("what", nargs="?", default="")
    options = parser.parse_args(argv)
    found = chosen(options.what)
    if options.command == "stale" and not options.what:
        found = _there(found)  # what is not begun would hide what has changed
    return COMMANDS[options.command](found)


if __name__ == "__main__":
    sys.exit(main())
