"""Mistakes with keys and tables that are there already, and in headers."""

from __future__ import annotations

import re

from ..positions import Path
from .failure import Failure, Fault, Other


def duplicate_key(f: Failure) -> Fault | None:
    """The same key twice in one table."""
    if f.msg != "Cannot overwrite a value" or f.key is None or f.value is None:
        return None
    path = f.path
    prefixes = [path[:n] for n in range(len(f.header) + 1, len(path) + 1)]
    spans = f.spans(prefixes)
    known = next(filter(spans.get, prefixes), None)
    if known is None:
        return None
    first = spans[known]
    name = ".".join(map(str, known[len(f.header) :]))
    hint = "keep one"
    if f.in_list() and f.text[first.value_start] == "[":
        hint += "; podman 4 and 5 would silently take the last list, podman 6 refuses"
    if known != path:
        message = f"`{name}` already has a value on line {first.line}, so it cannot be a table"
    else:
        message = f"`{name}` is already set on line {first.line}"
    related = (Other(first.key_start, first.key_end, "first set here"),)
    return Fault("duplicate-key", f.key.start(), f.key.end(), message, hint, related)


def closed_inline_table(f: Failure) -> Fault | None:
    """``a = { ... }`` and later ``a.b = ...``."""
    if not f.msg.startswith("Cannot mutate immutable namespace"):
        return None
    path = f.path
    prefixes = [path[:n] for n in range(len(path), 0, -1)]
    spans = f.spans(prefixes)
    known = next(filter(spans.get, prefixes), None)
    if known is None:
        return None
    first = spans[known]
    extent = f.key or f.table
    start, end = (extent.start(), extent.end()) if extent else (f.start, f.pos)
    kind = "list" if f.text[first.value_start] == "[" else "table"
    message = f"`{_dotted(known)}` is a complete {kind} on line {first.line} and takes nothing more"
    related = (Other(first.key_start, first.key_end, "completed here"),)
    return Fault("closed-inline-table", start, end, message, "write it all in one place", related)


def table_trouble(f: Failure) -> Fault | None:
    """A header for something that exists already, as the same or as another kind of table."""
    trouble = f.msg == "Cannot overwrite a value" or f.msg.startswith("Cannot declare")
    if not trouble or f.table is None or f.key is not None:
        return None
    path = f.path
    spans = f.spans((path, (*path, 0)))
    first = spans.get(path)
    if first is None:
        return None
    opened = f.text[first.key_start : first.key_end]
    was_list, is_list = (*path, 0) in spans, f.table[1] == "[["
    name = _dotted(path)
    code, message, hint = _table_words(name, opened, first.line, was_list=was_list, is_list=is_list)
    related = (Other(first.key_start, first.key_end, "first opened here"),)
    return Fault(code, f.table.start(), f.table.end(), message, hint, related)


def _table_words(name: str, opened: str, line: int, *, was_list: bool, is_list: bool) -> tuple[str, str, str]:
    """Return code, message and hint for a header whose table was ``opened`` on ``line``."""
    both = f"use `[[{name}]]` in both places"
    if not opened.startswith("["):
        hint = f"write its keys there too, each with `{name}.` before it, or keep one of the two"
        return "duplicate-table", f"`{name}` already has a value on line {line}", hint
    if is_list and opened.startswith("[[") and not was_list:
        message = f"`{opened}` on line {line} came first and made `{name}` a single table"
        return "mirror-before-registry", message, f"put the `[[{name}]]` it belongs to above it"
    if is_list:
        message = (
            f"`{name}` was opened as one table `{opened}` on line {line}, so it cannot be a list of tables"
        )
        hint = both if opened == f"[{name}]" else f"`{opened}` needs `{name}` to be one table: remove one"
        return "table-vs-array", message, hint
    if was_list:
        message = (
            f"`{name}` was opened as a list of tables `{opened}` on line {line}, so it cannot be one table"
        )
        return "table-vs-array", message, both
    message = f"table `{name}` is already opened on line {line}"
    return "duplicate-table", message, f"move these keys under line {line}"


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))


def spaced_header(f: Failure) -> Fault | None:
    """``[ [registry] ]``."""
    found = re.compile(r"\[[ \t]++\[([^\]\n]*+)\]").match(f.text, f.start)
    if not found or f.pos > f.line_end(f.start):
        return None
    message = "there must be no space between the two brackets"
    hint = "write [[" + found[1].strip(" \t") + "]]"
    return Fault("spaced-header", f.start, found.start(1), message, hint)


def unclosed_header(f: Failure) -> Fault | None:
    """``[[registry]``."""
    if not re.match(r"Expected '\]\]?' at the end of", f.msg) or f.table is None:
        return None
    opened = f.table[1]
    closing = "]" * len(opened)
    rest = f.rest(f.pos)
    if rest.strip("] \t") and not rest.startswith(("]", "#")):
        return None
    message = f"header needs `{closing}` to close `{opened}`"
    hint = f"write {opened}{f.table[2]}{closing}"
    return Fault("unclosed-header", f.pos, f.pos + max(len(rest.split("#")[0].rstrip()), 1), message, hint)
