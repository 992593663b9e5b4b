"""Mistakes in characters and in strings: quotes, input methods, spaces, escapes."""

from __future__ import annotations

import re
from typing import Final

from .failure import Failure, Fault, complete_values

_CURLY: Final = "“”„‟‘’‚‛«»‹›「」『』＂＇"
_WIDE: Final = {"、": ",", "。": ".", "【": "[", "】": "]", "〔": "[", "〕": "]", "—": "-", "–": "-"}
_WIDE_FORMS: Final = range(0xFF01, 0xFF5F)  # the full-width forms of ! to ~
_SPACES: Final = {
    "\u3000": "IDEOGRAPHIC SPACE",
    "\u00a0": "NO-BREAK SPACE",
    "\u200b": "ZERO WIDTH SPACE",
    "\ufeff": "BYTE-ORDER MARK",
    "\u202f": "NARROW NO-BREAK SPACE",
    "\u2002": "EN SPACE",
    "\u2003": "EM SPACE",
    "\u2009": "THIN SPACE",
}
_ESCAPES: Final = re.compile(r"\\(?:(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[btnfre\"\\\s])|(.))")
_UNCLOSED: Final = ("Unterminated string", "Illegal character '\\n'", 'Expected "\'"', "Expected \"'''\"")


def typographic_quote(f: Failure) -> Fault | None:
    """``location = “docker.io”``, also where a plain quote opened and a typographic one should close."""
    found = f.pos
    if not f.at() or f.at() not in _CURLY:
        curly = re.compile(f"[{_CURLY}]")
        inside = curly.search(f.text, f.value, f.pos) if f.value and _unclosed_quote(f) is not None else None
        if inside is None:
            return None
        found = inside.start()
    char = f.text[found]
    message = f'{char} (U+{ord(char):04X}) is a typographic quote, not "'
    return Fault(
        "curly-quote", found, found + 1, message, "retype both quotes with the plain key, input method off"
    )


def full_width_punctuation(f: Failure) -> Fault | None:
    """``["a"， "b"]``: the input method's comma."""
    char = f.at()
    plain = _WIDE.get(char) or (chr(ord(char) - 0xFEE0) if char and ord(char) in _WIDE_FORMS else None)
    if not plain or plain.isalnum():
        return None
    if plain == ":" and f.msg.startswith("Expected '='"):
        plain = "="  # a plain colon would only be the next mistake
    message = f"{char} (U+{ord(char):04X}) is a full-width character; TOML needs {plain} (U+{ord(plain):04X})"
    if ord(char) not in _WIDE_FORMS and char not in "、。【】〔〕":
        message = f"{char} (U+{ord(char):04X}) is typographic; TOML needs {plain} (U+{ord(plain):04X})"
    hint = f"switch the input method to half-width; replace {char} with {plain}"
    return Fault("wide-punctuation", f.pos, f.pos + 1, message, hint)


def odd_space(f: Failure) -> Fault | None:
    """A character that looks like a space and is not one to TOML."""
    char = f.at()
    if char not in _SPACES:
        return None
    message = f"U+{ord(char):04X} {_SPACES[char]} is not a space to TOML"
    return Fault("odd-space", f.pos, f.pos + 1, message, "delete it and type a plain space")


def lone_carriage_return(f: Failure) -> Fault | None:
    """Line ends of an old Mac."""
    if f.at() != "\r":
        return None
    return Fault("lone-cr", f.pos, f.pos + 1, "carriage return without line feed", "convert line ends to LF")


def control_character(f: Failure) -> Fault | None:
    """NUL, escape and other control characters, which TOML allows nowhere."""
    char = f.at()
    if not char or char in "\t\n" or not (ord(char) < 32 or ord(char) == 127):
        return None
    message = f"control character U+{ord(char):04X} is not allowed"
    in_string = f.value is not None and f.pos > f.value
    hint = f"delete it, or write \\u{ord(char):04x} inside double quotes" if in_string else "delete it"
    return Fault("control-character", f.pos, f.pos + 1, message, hint)


def bad_escape(f: Failure) -> Fault | None:
    r"""``"C:\Users"``: between double quotes a backslash begins an escape."""
    if not f.msg.startswith(("Unescaped '\\'", "Invalid hex", "Escaped character")):
        return None
    bad = [e for e in _ESCAPES.finditer(f.text, f.value or f.start, f.line_end(f.pos)) if e[2]]
    if not bad:
        return None
    start = bad[0].start()
    letter = bad[0][2]
    digits = {"u": 4, "U": 8, "x": 2}.get(letter)
    what = (
        f"starts an escape of {digits} hexadecimal digits" if digits else "is not an escape that TOML knows"
    )
    quoted = re.finditer(r'"([^"\n]*)"', f.text[f.line_start(start) : f.line_end(start)])
    inside = next((m[1] for m in quoted if m.start() < start - f.line_start(start) < m.end()), None)
    hint = f"use single quotes: '{inside}'" if inside and "'" not in inside else "write the backslash twice"
    return Fault("bad-escape", start, start + 2, f"`\\{letter}` {what}", hint)


def unclosed_string(f: Failure) -> Fault | None:
    """A quote without a closing quote on its line."""
    opening = _unclosed_quote(f)
    if opening is None:
        return None
    quote = f.text[opening]
    if f.text[opening : opening + 3] == quote * 3:
        hint = f"close it with {quote * 3}"
        return Fault("unclosed-string", opening, opening + 3, "multi-line string is never closed", hint)
    word = f.word(opening + 1)
    end = f.line_end(opening)
    message = "string is not closed on this line"
    hint = f"add the missing {quote} after {word}" if word else f"add the missing {quote}"
    return Fault("unclosed-string", opening, end, message, hint)


def doubled_quote(f: Failure) -> Fault | None:
    """``''registry.example'``: an empty string with text after it."""
    pair = f.text[max(f.pos - 2, 0) : f.pos]
    if pair not in ("''", '""') or not re.match(r"[\w./:*-]", f.at() or " "):
        return None
    quote = pair[0]
    word = f.word(f.pos)
    message = "two quotes in a row are an empty string, so the text after them is unexpected"
    return Fault("doubled-quote", f.pos - 2, f.pos, message, f"write {quote}{word}{quote}")


def _unclosed_quote(f: Failure) -> int | None:
    """Return the offset of the quote that opens the string whose end tomli did not find."""
    if f.msg not in _UNCLOSED or f.value is None or f.at() not in ("", "\n"):
        return None
    values = complete_values(f.text, f.value, f.pos)
    pos = values[-1][1] if values else f.value
    openings = [i for i in (f.text.find('"', pos), f.text.find("'", pos)) if i >= 0]
    return min(openings, default=None)


def missing_opening_quote(f: Failure) -> Fault | None:
    """``location = quay.io"``."""
    if f.msg != "Invalid value":
        return None
    word = f.word(f.pos)
    after = f.text[f.pos + len(word) : f.pos + len(word) + 1]
    if not word or after not in ("'", '"'):
        return None
    message = "this value ends with a quote but does not start with one"
    end = f.pos + len(word) + 1
    return Fault("missing-opening-quote", f.pos, end, message, f.rewrite(f"{after}{word}{after}"))
