"""``%%needs PART …``: a cell that runs where external programs are, and shows its stored result elsewhere.

The line is the first of its cell. An input transformer of IPython removes it where every part is on this
machine, so that the rest of the cell runs as if the line were not there. Elsewhere the whole cell is replaced
by a replay: one line that says so, then the output that the packaged chapter stores with this very cell. A
stored error is printed, not raised, so *Run All* continues.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from .doctor import PARTS, part
from .share import notebooks_dir

LINE = "%%needs"


def needed(source: str) -> tuple[str, ...]:
    """Return the words of a cell's ``%%needs`` line; none without such a line.

    >>> needed("%%needs podman skopeo\\n!podman --version")
    ('podman', 'skopeo')
    """
    first = source.lstrip("\n").partition("\n")[0].split()
    return tuple(first[1:]) if first[:1] == [LINE] else ()


def missing(source: str) -> list[str]:
    """Return the names of the parts that a cell needs and this machine does not have.

    Raises:
        KeyError: a word of the line that no part has as its tag.
    """
    return [each.name for each in map(part, needed(source)) if each.find() is None]


def transform(lines: list[str]) -> list[str]:
    """Return the code to run for a cell: all but its ``%%needs`` line, or the call that replays it.

    Args:
        lines: the cell, each line with its end; what IPython gives to an input transformer.

    Raises:
        UsageError: the line names no part, or an unknown one.
    """
    source = "".join(lines)
    if not source.startswith(LINE):
        return lines
    from IPython.core.error import UsageError

    tags = ", ".join(each.tag for each in PARTS)
    try:
        gone = missing(source)
    except KeyError as error:
        raise UsageError(f"{LINE}: {error.args[0]}") from None
    if not needed(source):
        raise UsageError(f"{LINE}: name what the cell needs: {tags}")
    if not gone:
        return lines[1:]
    return [f"__import__({__name__!r}, fromlist=['replay']).replay({source!r}, {gone!r})\n"]


def replay(source: str, gone: list[str]) -> None:
    """Print that parts are missing, then show the result that a chapter stores with this cell."""
    from IPython.display import publish_display_data

    absent = f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} not here"
    stored = _stored().get(_plain(source))
    if stored is None:
        print(f"{absent}, and this cell is not the chapter's own any more: no stored result fits it")
        return
    origin, outputs = stored
    print(f"{absent}; {origin}:")
    for output in outputs:
        if output["output_type"] == "stream":
            print(_joined(output["text"]), end="")
        elif output["output_type"] == "error":
            print(f"{output['ename']}: {output['evalue']}")
        else:
            data = {kind: _joined(value) for kind, value in output["data"].items()}
            publish_display_data(data)  # type: ignore[no-untyped-call]


def is_replay(output: dict[str, Any]) -> bool:
    """Return whether a notebook's output is a replay, which no chapter may store."""
    first = _joined(output.get("text", "")).partition("\n")[0]
    return " not here; stored result" in first or " no stored result fits it" in first


@cache
def _stored() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Read the packaged chapters: source of a cell with ``%%needs`` → origin and outputs."""
    found = {}
    for path in sorted(notebooks_dir().rglob("*.ipynb")):  # the Chinese ones have the same results
        chapter = json.loads(path.read_text(encoding="utf-8"))
        for cell in chapter["cells"]:
            source = _joined(cell["source"])
            if tags := needed(source):
                origin = _origin(tags, chapter["metadata"].get("regtools", {}))
                found[_plain(source)] = (origin, cell["outputs"])
    return found


def _origin(tags: tuple[str, ...], stored: dict[str, Any]) -> str:
    """Return where a result is from: the programs' versions, the system, the day."""
    versions = stored.get("versions", {})
    programs = [f"{tag} {versions[tag]}" for tag in tags if tag in versions]
    return ", ".join(["stored result of " + " and ".join(programs or ["the authors"]), *stored.get("on", [])])


def _plain(source: str) -> str:
    """Return a source as the normal form of a chapter has it."""
    return "\n".join(line.rstrip() for line in source.strip("\n").split("\n"))


def _joined(text: Any) -> Any:
    """Return a text that JSON may hold as a list of lines; other values as they are."""
    return "".join(text) if isinstance(text, list) else text
