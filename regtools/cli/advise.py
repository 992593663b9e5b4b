"""``regtools advise``: the mirrors of a configuration in the order that measurements speak for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

from . import NO, OK
from . import options as sources

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from regtools.analysis.advice.vantages import Advice

__all__ = ["configure", "run"]

FOR_ALL = "for-all.conf"


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("files", nargs="+", metavar="JOURNAL", help="measurements in which each mirror is a place of its own")
    sources.configure(parser)
    add(
        "--cache", choices=("cold", "warm"), help="which pulls count (default: cold where both were measured)"
    )
    add(
        "--write",
        metavar="DROPIN",
        help="write the drop-in, for instance below /etc/containers/registries.conf.d",
    )
    add(
        "--by",
        choices=("vantage",),
        help="advise each vantage point, and all together; --write then names a folder for the drop-ins",
    )
    add("--force", action="store_true", help="let --write replace a file that says something else")
    parser.epilog = (
        "Exit status: 0 advice given, 1 the measurements support no choice. Nothing is added to the\n"
        "configuration or taken out of it; see it in effect with: regtools explain IMAGE"
    )


def run(options: Namespace) -> int:
    """Advise; give 0, or 1 where nothing can be advised or written."""
    from regtools.analysis.advice.advise import advise

    from .output import measured

    pulls, requests = measured("advise", options.files)
    conf = sources.load(options, sources.release(options))
    if options.by is not None:
        found = advise(pulls, conf, requests=requests, cache_state=options.cache, by=options.by)
        print(found)
        return _write_each(found, options)
    text = advise(pulls, conf, requests=requests, cache_state=options.cache)
    if options.write is None:
        print(text, end="")
        return OK
    return _write(text, options.write, force=options.force)


def _write_each(found: Advice, options: Namespace) -> int:
    """Write a drop-in for each vantage point that has one, and the one for all; say where."""
    texts = {_file_name(vantage): text for vantage, text in found.files.items()}
    if found.for_all is not None:
        texts[FOR_ALL] = found.for_all
    if not texts:
        print("regtools advise: the measurements support no other order anywhere", file=sys.stderr)
        return NO
    if options.write is None:
        print("--write FOLDER writes the files", file=sys.stderr)
        return OK
    if len(texts) < len(found.files) + (found.for_all is not None):
        message = "two vantage points would have the same file name"
        raise RegtoolsError(message, kind="file-unwritable", stage="load", where=Place(options.write))
    from pathlib import Path

    folder = Path(options.write)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder cannot be made: {error.strerror}"
        raise RegtoolsError(
            message, kind="file-unwritable", stage="load", where=Place(options.write)
        ) from error
    return max(_write(text, str(folder / name), force=options.force) for name, text in texts.items())


def _file_name(vantage: str) -> str:
    """Make a file name that stays in its folder, and that podman would read: it ends in .conf."""
    import re

    return f"at-{re.sub(r'[^A-Za-z0-9._-]', '-', vantage)}.conf"


def _write(text: str, path: str, *, force: bool) -> int:
    from .output import reason, write_text

    present = _present(path)
    if present == text:
        print(f"{path}: says so already", file=sys.stderr)
        return OK
    if present is not None and not force:
        print(
            f"regtools advise: {path} is there and says something else; --force replaces it", file=sys.stderr
        )
        return NO
    try:
        write_text(text, path)
    except OSError as error:
        message = f"the drop-in cannot be written: {reason(error)}"
        raise RegtoolsError(message, kind="file-unwritable", stage="load", where=Place(path)) from error
    print(f"{path}: written; see it in effect with regtools explain", file=sys.stderr)
    return OK


def _present(path: str) -> str | None:
    from pathlib import Path

    try:
        return Path(path).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"what is there cannot be read: {error.strerror}"
        raise RegtoolsError(message, kind="file-unreadable", stage="load", where=Place(path)) from error
