"""Every object that shows itself, found by looking and made from hostile text: no control character, well-formed HTML.

A class is found if it, or a base of ours, defines ``__str__``, ``_repr_html_`` or ``to_dict``; it is filled by its
annotations, so that a later class is covered without a new test. ``MADE`` helps where annotations do not suffice.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import socket
import types
import typing
from collections import abc
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import regtools
from regtools.pull.records import Row
from tests.analysis.test_hostile_names import controls, named, page_of
from tests.cli.test_boundary import HOSTILE

SHOWN = ("__str__", "_repr_html_", "to_dict")
SIMPLE: dict[Any, Any] = {str: HOSTILE, int: 1, float: 1.5, bool: True, bytes: b"\x1b", Any: HOSTILE, object: HOSTILE,
                          Path: Path("\x1b[31m"), Exception: ValueError(HOSTILE), socket.socket: None}  # fmt: skip
CONF = '[[registry]]\nlocation = "quay.io"\n[[registry.mirror]]\nlocation = "m.example"\n'


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(regtools.__path__, "regtools."):
        if module.name.endswith("__main__"):
            continue
        for each in vars(import_module(module.name)).values():
            if inspect.isclass(each) and each.__module__ == module.name:
                ours = [base for base in each.__mro__ if base.__module__.startswith("regtools")]
                if any(name in vars(base) for base in ours for name in SHOWN):
                    yield each


FOUND = {f"{each.__module__}.{each.__qualname__}": each for each in classes()}


def names() -> dict[str, Any]:
    """What annotations name: everything of our modules and of the modules that they import for typing."""
    known: dict[str, Any] = {**vars(typing), **vars(abc), **vars(types), "pd": pd}
    for module in pkgutil.walk_packages(regtools.__path__, "regtools."):
        if not module.name.endswith("__main__"):
            known |= {
                name: each for name, each in vars(import_module(module.name)).items() if inspect.isclass(each)
            }
    return known


NAMES = names()
OURS = {"severity": "error", "dialect": "1.1"}  # fields whose text is always one of our own words
DATA = {  # their text is data for a program or a file, not for a person; or their maker refuses such text
    "regtools.registries.checks.fixes.Fix",
    "regtools.analysis.advice.vantages.Advice",  # tests/analysis/test_vantage_advice.py
    "regtools.registries.settings.Settings",  # the base of RegistriesConf, which is made
    "regtools.pull.manifests.Platform",
    "regtools.cache.settings.Settings",
    "regtools.testbed.images.Hello",
    "regtools.testbed.images.Payload",
}


def value(kind: Any, depth: int = 0) -> Any:
    """Return a value of an annotated type, its texts hostile."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return value(next(each for each in of if each is not type(None)), depth)
    if origin is typing.Literal:
        return of[0]
    if origin is tuple:
        return tuple(value(each, depth) for each in of if each is not ...)
    if origin in (list, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection):
        return (origin if origin in (list, set, frozenset) else list)([value(of[0], depth)])
    if origin in (dict, abc.Mapping):
        return {value(of[0], depth): value(of[1], depth)}
    if depth < 6 and inspect.isclass(kind) and kind.__module__.startswith("regtools"):
        return made(kind, depth + 1)
    raise TypeError(f"no idea how to make {kind}")


def made(kind: type, depth: int = 0) -> Any:
    key = f"{kind.__module__}.{kind.__qualname__}"
    if key in MADE:
        return MADE[key]()
    own = vars(import_module(kind.__module__))
    maker = (
        kind.__init__
        if "__init__" in vars(kind)
        else kind.__new__
        if issubclass(kind, tuple)
        else kind.__init__
    )
    if issubclass(kind, Row):  # its columns are its keywords
        wanted, hints = list(kind.__slots__), typing.get_type_hints(kind, NAMES | own)
    else:
        hints = typing.get_type_hints(maker, NAMES | own)
        wanted = [
            name
            for name, parameter in list(inspect.signature(maker).parameters.items())[1:]
            if name in hints and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
    given = {name: value(hints[name], depth) for name in wanted}
    return kind(**given | {name: text for name, text in OURS.items() if name in given})


def conf() -> Any:
    return regtools.RegistriesConf.from_toml(CONF, file=HOSTILE)


MADE: dict[str, Callable[[], Any]] = {
    "regtools.analysis.comparison.Comparison": lambda: regtools.compare(named(HOSTILE)),
    "regtools.registries.conf.RegistriesConf": conf,
    "regtools.registries.resolution.Resolution": lambda: conf().resolve("quay.io/a"),
    "regtools.registries.sources.Candidate": lambda: conf().resolve("quay.io/a").candidates[0],
    "regtools.registries.sources.Source": lambda: conf().resolve("quay.io/a").candidates[0].sources[0],
    "regtools.reference.Reference": lambda: regtools.Reference.parse("quay.io/a"),
}


@pytest.mark.parametrize("key", sorted(set(FOUND) - DATA))
def test_whatever_shows_itself_shows_no_control_character(key: str) -> None:
    found = made(FOUND[key])
    texts = [str(found)]
    if "__repr__" in vars(FOUND[key]):
        texts.append(repr(found))
    if hasattr(found, "to_dict"):
        json.dumps(found.to_dict(), default=str).encode()
    if hasattr(found, "_repr_html_"):
        page_of(found._repr_html_())
    assert not [controls(text) for text in texts if controls(text)], texts


def test_what_the_package_exports_is_among_them() -> None:
    exported = [getattr(regtools, name) for name in regtools.__all__]
    shown = [
        each for each in exported if inspect.isclass(each) and any(hasattr(each, name) for name in SHOWN[1:])
    ]
    assert {f"{each.__module__}.{each.__qualname__}" for each in shown} <= set(FOUND)
