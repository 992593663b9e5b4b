"""Mistakes in statements, lists and values."""

from __future__ import annotations

import re
from typing import Final

from ..positions import QUOTED
from .failure import Failure, Fault, Other, complete_values

# Possessive quantifiers: a pattern that fails on a long line fails at once.
_TRUE: Final = frozenset({"true", "yes", "on", "y", "enabled"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "disabled"})
_STARTS_STATEMENT: Final = re.compile(r"[ \t]*+(?:\[\[?[A-Za-z0-9_.\"' -]++\]|[A-Za-z0-9_.\"'-]++[ \t]*+=)")
_QUOTED: Final = re.compile(QUOTED)
_TEMPLATE: Final = re.compile(r"\{\{[^{}\n]*+\}\}|\{%[^%\n]*+%\}|\{#[^#\n]*+#\}|<%[^%\n]*+%>")
_NUMBER: Final = re.compile(r"[+-]?(?:0[xob])?[0-9._]++(?:[eE][+-]?[0-9_.]*+)?")


def template(f: Failure) -> Fault | None:
    """``insecure = {{ insecure }}``, as Ansible, Helm and Puppet write."""
    line = f.text.rfind("\n", 0, f.pos) + 1
    for found in _TEMPLATE.finditer(f.text, line, f.line_end(f.pos)):
        if found.start() <= f.pos <= found.end():
            message = "this is part of a template, and not yet TOML"
            return Fault("syntax", found.start(), found.end(), message, "check the file that is made from it")
    return None


def foreign_comment(f: Failure) -> Fault | None:
    """``// note``."""
    found = re.compile(r"//|/\*|;|--(?=\s)|<!--").match(f.text, f.pos)
    fits = f.msg in ("Invalid statement", "Expected newline or end of document after a statement")
    if not found or not (fits or (found[0] == "//" and f.key is None)):
        return None
    hint = f"write # {f.rest(found.end())}".rstrip()
    return Fault("foreign-comment", f.pos, found.end(), "comments start with `#`", hint)


def colon_for_equals(f: Failure) -> Fault | None:
    """``location: "docker.io"``."""
    if f.at() != ":" or f.key is None or not f.msg.startswith("Expected '='"):
        return None
    rest = f.rest(f.pos + 1) if f.pos + 1 <= f.line_end(f.pos) else ""
    if "=" in rest and not rest.startswith(("'", '"', "=")):
        return None  # host:port = ..., a key that needs quotes
    message = "TOML uses `=` between key and value, not `:`"
    value = rest.lstrip("= ")
    hint = f"write {f.key[0]} = {_quoted(value)}" if value else f"write {f.key[0]} ="
    return Fault("colon-for-equals", f.pos, f.pos + 1, message, hint)


def append_operator(f: Failure) -> Fault | None:
    """``key += [...]``."""
    if f.text[f.pos : f.pos + 2] != "+=" or not f.msg.startswith("Expected '='"):
        return None
    hint = "repeat the whole list, or use a drop-in file as podman documents"
    return Fault("append-operator", f.pos, f.pos + 2, "TOML cannot append", hint)


def unquoted_key(f: Failure) -> Fault | None:
    """``library/nginx = ...``."""
    if f.msg != "Invalid statement" and not f.msg.startswith(("Expected '='", "Invalid initial")):
        return None
    line = f.text[f.start : f.line_end(f.start)]
    found = re.match(r"([^\s\"'=#\[\]]++)[ \t]*+=", line)
    if not found or f.pos > f.start + found.end(1):
        return None
    message = "a bare key may hold only letters, digits, `-` and `_`"
    hint = f'write "{found[1]}" = {line[found.end() :].strip()}'.rstrip()
    return Fault("unquoted-key", f.start, f.start + found.end(1), message, hint)


def missing_equals(f: Failure) -> Fault | None:
    """``location "docker.io"``, or a word alone."""
    if f.key is None or f.equals is not None or not f.msg.startswith("Expected '='"):
        return None
    rest = f.rest(f.key.end()).split("#")[0].rstrip()
    hint = f"write {f.key[0]} = {_quoted(rest)}" if rest else f"write {f.key[0]} = and a value"
    end = max(f.pos, f.key.end() + 1)
    return Fault("missing-equals", f.key.end(), end, "`=` missing", hint)


def missing_value(f: Failure) -> Fault | None:
    """``location =``."""
    if f.msg != "Invalid value" or f.equals is None or f.in_list():
        return None
    if f.rest(f.equals + 1).split("#")[0]:
        return None
    return Fault("missing-value", f.equals + 1, f.equals + 2, "no value after `=`")


def unclosed_list(f: Failure) -> Fault | None:
    """``[`` with no ``]`` before the next header or key."""
    if not f.in_list() or f.value is None or f.msg not in ("Unclosed array", "Invalid value"):
        return None
    line_start = f.line_start(f.pos)
    starts_next = line_start > f.value and _STARTS_STATEMENT.match(f.text, line_start)
    if not starts_next and f.pos < len(f.text):
        return None
    related = (Other(f.pos, f.pos + 1, "reading stopped here"),) if f.pos < len(f.text) else ()
    hint = "add `]` after the last item"
    return Fault("unclosed-array", f.value, f.value + 1, "this list is never closed", hint, related)


def unclosed_inline_table(f: Failure) -> Fault | None:
    """``{`` with no ``}``."""
    if f.msg != "Unclosed inline table" or f.value is None:
        return None
    values = complete_values(f.text, f.value, f.pos)
    if f.at() not in ("", "\n", "[") and values:
        message = "comma missing between the pairs of this table"
        return Fault("missing-comma", values[-1][1], max(f.pos, values[-1][1] + 1), message, "add `,`")
    start = f.text.index("{", f.value)
    message = "this table is never closed"
    return Fault("unclosed-inline-table", start, start + 1, message, "add `}` at its end")


def missing_comma(f: Failure) -> Fault | None:
    """``["a" "b"]``."""
    if f.msg != "Unclosed array" or f.value is None:
        return None
    values = complete_values(f.text, f.value, f.pos)
    if not values:
        return None
    start, end = values[-1]
    following = _QUOTED.match(f.text, f.pos)
    hint = f"write {f.text[start:end]}, {following[0] if following else '...'}"
    stop = f.pos if f.text.find("\n", end, f.pos) < 0 else end
    return Fault("missing-comma", end, max(stop, end + 1), "comma missing between list items", hint)


def wrong_boolean(f: Failure) -> Fault | None:
    """``insecure = True`` or ``yes``."""
    if f.msg != "Invalid value":
        return None
    word = f.word(f.pos)
    if word.lower() not in _TRUE | _FALSE:
        return None
    message = "TOML booleans are `true` and `false`, lower case"
    hint = "write true" if word.lower() in _TRUE else "write false"
    return Fault("wrong-boolean", f.pos, f.pos + len(word), message, hint)


def bad_number(f: Failure) -> Fault | None:
    """``01``, ``.5``, ``1__0``."""
    found = _bare_value(f)
    if found is None or not _NUMBER.fullmatch(found[2]) or found[2].count(".") > 1:
        return None
    start, end, word = found
    if re.match(r"[+-]?0[0-9]", word):
        hint = "write " + re.sub(r"^([+-]?)0+(?=\d)", r"\1", word)
        return Fault("bad-number", start, end, "a number may not begin with 0", hint)
    if word.lstrip("+-").startswith(".") or ("." in word and not re.search(r"\.[0-9]", word)):
        message = "a decimal point needs a digit on both sides"
        return Fault("bad-number", start, end, message, "for instance 0.5 or 5.0")
    message = "this is not a number that TOML knows"
    return Fault("bad-number", start, end, message, "if it is text, quote it")


def two_on_a_line(f: Failure) -> Fault | None:
    """``a = 1 b = 2``."""
    if not f.msg.startswith("Expected newline"):
        return None
    found = re.compile(r"([A-Za-z0-9_.\"'-]++)[ \t]*+=|\[\[?[A-Za-z0-9_.\"' -]++\]\]?").match(f.text, f.pos)
    if not found or (f.pos and f.text[f.pos - 1] not in " \t]"):
        return None
    end = found.end(1) if found[1] else found.end()
    return Fault("two-on-a-line", f.pos, end, "one `key = value` per line", "put it on a line of its own")


def unquoted_value(f: Failure) -> Fault | None:
    """``location = docker.io``, ``location = 127.0.0.1:5000``."""
    found = _bare_value(f)
    if found is None:
        return None
    start, end, word = found
    if re.fullmatch(r"\d{4}-\d\d-\d\d.*", word):
        message = "there is no such date or time"
        return Fault("bad-date", start, end, message, "write it as 1979-05-27T07:32:00Z")
    address = re.match(r"\d++(?:\.\d++){2,3}+(?![\w.])", word)
    message = "an address needs quotes" if address else "this value needs quotes"
    return Fault("unquoted-value", start, end, message, f.rewrite(f'"{word}"'))


def text_after_value(f: Failure) -> Fault | None:
    """``a = ["b"]]``: text after a complete statement."""
    if not f.msg.startswith("Expected newline"):
        return None
    end = max(f.line_end(f.pos), f.pos + 1)
    return Fault("text-after-value", f.pos, end, "only a comment may follow on this line", "delete it")


def _bare_value(f: Failure) -> tuple[int, int, str] | None:
    """Return extent and text of the value without quotes that tomli stopped at or in, or None."""
    if f.value is None or f.pos < f.value:
        return None
    start = f.pos
    if f.msg.startswith("Expected newline") or f.msg == "Unclosed array":
        while start > f.value and f.text[start - 1] not in " \t\n,[":
            start -= 1
        if start == f.pos:
            return None
    elif f.msg != "Invalid value":
        return None
    bare = re.compile(r"[^,\]#\n]*+" if f.in_list() else r"[^#\n]*+").match(f.text, start)
    word = bare[0].rstrip() if bare else ""
    if not word or word[0] in "\"'[]{},=" or '"' in word:
        return None
    return start, start + len(word), word


def _quoted(value: str) -> str:
    """Return a value in quotes, unless it is valid as it is."""
    plain = re.fullmatch(r"true|false|[+-]?\d+(\.\d+)?|\[.*\]|\{.*\}|\".*\"|'.*'", value)
    return value if plain else f'"{value}"'
