"""``regtools advise``: the mirrors of a configuration in the order that measurements support."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from regtools.analysis.advice.advise import advise, changes
from regtools.analysis.advice.vantages import Advice
from regtools.analysis.measurements import read_measurements
from regtools.errors import unwritable
from regtools.files import write_file

from .options import configuration, load, misuse, release
from .output import OK, complain, holds, refuse_other, say, say_verdict, write
from .parser import ending, file

FOR_ALL = "for-all.conf"


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``advise``."""
    add = parser.add_argument
    add("files", nargs="+", metavar="JOURNAL", type=file, help="measurements with each mirror as a place")
    configuration(parser)
    add("--cache", choices=("cold", "warm"), help="pulls that count (default: cold where both were measured)")
    add("--write", metavar="DROPIN", type=file, help="write the drop-in, or with --by the folder of drop-ins")
    add("--by", choices=("vantage",), help="advise each vantage point, and all together")
    add("--force", action="store_true", help="let --write replace a file that holds something else")
    parser.epilog = ending(
        "0 an order, or no change is needed, 1 nothing to compare, or a file cannot be used, 2 wrong usage.",
        "regtools advise pulls.jsonl",
        "regtools advise pulls.jsonl --write 50-measured.conf",
        note="Nothing is added to the configuration or taken out of it. See the drop-in in "
        "effect with: regtools explain IMAGE",
    )


def run(options: Namespace) -> int:
    """Print the advice, or write it as drop-ins."""
    pulls, requests = read_measurements(options.files)
    conf = load(options, release(options))
    found = advise(pulls, conf, requests=requests, cache_state=options.cache, by=options.by)
    if isinstance(found, Advice):
        say_verdict(str(found))
        return _write_each(found, options)
    if options.write is None:
        write(found, None)
    elif not changes(found):
        say(found, end="")
        complain(f"no change is needed: {options.write} is not written")
    else:
        _write({options.write: found}, force=options.force)
    return OK


def _write_each(found: Advice, options: Namespace) -> int:
    """Write a drop-in for each vantage point that has one, and the one for all."""
    texts = {f"at-{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.conf": text for name, text in found.files.items()}
    if len(texts) < len(found.files):
        raise misuse("two vantage points would have the same file name")
    if found.for_all is not None:
        texts[FOR_ALL] = found.for_all
    if not texts:
        complain("no change is needed: no file is written")
        return OK
    if options.write is None:
        complain("--write FOLDER writes the files")
        return OK
    folder = Path(options.write)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(options.write, error, what="the folder") from error
    _write({str(folder / name): text for name, text in texts.items()}, force=options.force)
    return OK


def _write(texts: Mapping[str, str], *, force: bool) -> None:
    """Write the files that are not yet as they should be, or none if a file of the user's is in the way."""
    for path, text in texts.items():
        if not force:
            refuse_other(path, text)
    for path, text in texts.items():
        if holds(path, text):
            complain(f"{path}: unchanged, it says so already")
        else:
            write_file(path, text, what="the drop-in")
            complain(f"{path}: written; see it in effect with regtools explain")
