"""Ways to write one answer: what readers type differently and mean alike, for each kind of exercise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from regtools.notebook.answers import Rule

Spell = Callable[[str], str]

_AROUND: list[Spell] = [
    lambda text: f" {text} ",
    lambda text: f"{text}\n",
    lambda text: f"\t{text}",
    lambda text: f"`{text}`",
    lambda text: f"'{text}'",
    lambda text: f'"{text}"',
    lambda text: f"“{text}”",
    lambda text: f" ` {text} ` ",
    lambda text: f"\n  {text}  \n",
    lambda text: f"‘{text}’",
]
_WORD: list[Spell] = [
    *_AROUND,
    str.upper,
    str.lower,
    str.title,
    lambda text: f"{text}.",
    lambda text: text.replace(" ", "   "),
    lambda text: re.sub(r"(?<=\w)-(?=\w)", " ", text),
    lambda text: text.replace("+", " + "),
]
_REFERENCE: list[Spell] = [
    *_AROUND,
    lambda text: f"docker://{text}",
    lambda text: re.sub(r"^[^/]+\.[^/]+(?=/)", lambda host: host[0].upper(), text),
    lambda text: re.sub(r"^docker\.io/(library/)?(?=\w+(:|$))", "docker.io/", text),
    lambda text: re.sub(r"^docker\.io/", "index.docker.io/", text),
]
_COMMAND: list[Spell] = [
    lambda text: f"$ {text}",
    lambda text: f"!{text}",
    lambda text: f"! {text}",
    lambda text: f" {text} ",
    lambda text: f"{text}\n",
    lambda text: f"`{text}`",
    lambda text: f"{text}  # so",
    lambda text: text.replace(" ", "  "),
    lambda text: text.replace(" ", " \\\n  "),
    lambda text: re.sub(r"(--[\w-]+)=", r"\1=", re.sub(r"^podman\b", "/usr/bin/podman", text)),
    lambda text: f"\n\n{text}\n\n",
]
# Comments stand on lines of their own or behind a header: behind a broken value they would be a part of it.
_TOML: list[Spell] = [
    lambda text: f"# mine\n{text}",
    lambda text: f"{text}\n# the end\n",
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", "\n\n"),
    lambda text: re.sub(r"(?m)^(?=\S)", "  ", text),
    lambda text: re.sub(r"(?m)^(\s*[\w.-]+) = ", r"\1=", text),
    lambda text: re.sub(r"(?m)^(\s*[\w.-]+) = ", r"\1   =   ", text),
    lambda text: re.sub(r"(?m)^(\[+)(.+?)(\]+)$", r"\1 \2 \3", text),
    lambda text: re.sub(r"(?m)^(\[+.+?\]+)$", r"\1  # a header", text),
    lambda text: re.sub(r"(?m)$", "  ", text),
    lambda text: f"{text}\n",
    lambda text: f"\n\n{text}\n\n",
    lambda text: re.sub(r"(?m)^(\s*)([\w-]+) = ", r'\1"\2" = ', text),
    lambda text: re.sub(r'(?m)^(\s*[\w.-]+ = \[".*")\]$', r"\1,]", text),
    lambda text: text if "'" in text or "\\" in text else text.replace('"', "'"),
]
_UNIT: list[Spell] = [
    lambda text: f"# mine\n{text}",
    lambda text: f"; mine\n{text}",
    lambda text: f"\n\n{text}\n\n",
    lambda text: text.replace("=", " = "),
    lambda text: text.replace("=", "= "),
    lambda text: text.replace("\n", "\n\n"),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: re.sub(r"(?m)^(?=\S)", "  ", text),
    lambda text: re.sub(r"(?m)$", "  ", text),
    lambda text: re.sub(r"(?m)^(?=\[)", "# a section\n", text),
]
_TEXTS: dict[str, list[Spell]] = {
    "word": _WORD,
    "text": _AROUND,
    "reference": _REFERENCE,
    "command": _COMMAND,
    "toml": _TOML,
    "conf": _TOML,
    "unit": _UNIT,
}
_KEY_NAMES = {"Shift": "shift", "Ctrl": "Control", "Enter": "Return", "Esc": "Escape"}
_KEYS = re.compile(rf"(?:{'|'.join(_KEY_NAMES)})(?:\+(?:{'|'.join(_KEY_NAMES)}))*")


def spellings(rule: Rule, answer: Any) -> list[Any]:
    """Return other ways to write an answer, each one once and never the answer as it is."""
    made = list(_SPELL[rule.kind](rule, answer)) if rule.kind in _SPELL else list(_texts(rule, answer))
    found: list[Any] = []
    for each in made:
        if not any(type(each) is type(old) and each == old for old in [*found, answer]):
            found.append(each)
    return found


def _texts(rule: Rule, answer: str) -> Iterable[str]:
    if rule.kind == "word" and _KEYS.fullmatch(answer):
        named = re.sub("|".join(_KEY_NAMES), lambda found: _KEY_NAMES[found[0]], answer)
        yield from (
            named,
            named.replace("+", " + "),
            named.replace("+", "-"),
            answer.replace("+", " ").lower(),
        )
    for spell in _TEXTS[rule.kind]:
        yield spell(answer)


def _numbers(rule: Rule, answer: Any) -> Iterable[Any]:
    number = Fraction(str(answer))
    value = float(number)
    yield from (
        value,
        str(answer),
        str(value),
        f" {answer} ",
        f"`{answer}`",
        f"'{answer}'",
        Decimal(str(answer)),
    )
    yield from (number, f"{value:e}", f"{number.numerator}/{number.denominator}")
    if float(places := f"{value:.2f}") == value:  # with three places, 2,000 could be two thousand
        yield from (places, places.replace(".", ","))
    if number >= 0:
        yield f"+{answer}"
    if number >= 1000:
        yield from (f"{answer:,}", f"{answer:_}", f"{answer:,}".replace(",", " "))
    if rule.unit:
        yield from (f"{answer} {rule.unit}", f"{answer}{rule.unit}")


def _lists(rule: Rule, answer: Any) -> Iterable[Any]:
    item = Rule(rule.by, unit=rule.unit)
    yield from (
        tuple(answer),
        ", ".join(map(str, answer)),
        ",".join(map(str, answer)),
        "\n".join(map(str, answer)),
    )
    yield from (" → ".join(map(str, answer)), f"[{', '.join(map(str, answer))}]", "; ".join(map(str, answer)))
    others = [spellings(item, each) for each in answer]
    for n in range(min(map(len, others), default=0)):
        yield [each[n] for each in others]


def _sets(rule: Rule, answer: Any) -> Iterable[Any]:
    yield from (list(reversed(answer)), set(answer), frozenset(answer), [*answer, *answer[:1]])
    yield from _lists(rule, answer)
    yield from _lists(rule, answer[1:] + answer[:1])


_SPELL: dict[str, Callable[[Rule, Any], Iterable[Any]]] = {"number": _numbers, "list": _lists, "set": _sets}
