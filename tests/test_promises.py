"""What users call keeps its name, its parameters and its keys: compared with a table that was written down.

``python -m tests.test_promises`` writes ``promises.json`` again. Do that to promise more; to promise less is a
breaking change, which CHANGELOG.md has to announce.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

import regtools
from regtools import cli, data_path

TABLE = Path(__file__).with_suffix("").with_name("promises.json")

CONF = """
unqualified-search-registries = ["docker.io"]
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "mirror.example"
short-name-mode = "disabled"
"""


def parameters(function: Any) -> list[str]:
    """Name, kind and default of each parameter; a type may be named more closely at any time."""
    return [
        str(p.replace(annotation=p.empty)) + f" {p.kind.name}"
        for p in inspect.signature(function).parameters.values()
    ]


def members(cls: type) -> dict[str, Any]:
    """The public methods of a class with their parameters; None for what is read without a call."""
    found: dict[str, Any] = {}
    for name in dir(cls):
        if name.startswith("_") or name in dir(tuple) + dir(list) + dir(ValueError):
            continue
        raw = inspect.getattr_static(cls, name)
        raw = raw.__func__ if isinstance(raw, (classmethod, staticmethod)) else raw
        found[name] = parameters(raw) if inspect.isfunction(raw) else None
    return found


def names() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted(regtools.__all__):
        value = getattr(regtools, name)
        if inspect.isclass(value):
            found[name] = {"()": parameters(value)} if name == "Testbed" else members(value)
        elif inspect.isfunction(value):
            found[name] = parameters(value)
        elif inspect.ismodule(value):
            found[name] = {
                each: parameters(getattr(value, each))
                for each in sorted(value.__all__)
                if inspect.isfunction(getattr(value, each))
            } | {
                each: members(getattr(value, each))
                for each in sorted(value.__all__)
                if inspect.isclass(getattr(value, each))
            }
    return found


def commands() -> dict[str, list[str]]:
    """Every option of every command, subcommands included."""

    def options(parser: ArgumentParser, prefix: str = "") -> list[str]:
        found = []
        for action in parser._actions:
            if isinstance(action.choices, dict):
                for name, sub in action.choices.items():
                    found += options(sub, f"{prefix}{name} ")
            else:
                found += [
                    prefix + text for text in action.option_strings or [str(action.metavar or action.dest)]
                ]
        return sorted(found)

    table = {}
    for name in cli.COMMANDS:
        parser = ArgumentParser(prog=name)
        cli.command(name).configure(parser)
        table[name] = options(parser)
    return table


def keys(value: Any, path: str = "") -> set[str]:
    """Every key of a JSON value; a list counts as its elements."""
    if isinstance(value, dict):
        return {f"{path}.{key}" for key in value} | {
            k for key, v in value.items() for k in keys(v, f"{path}.{key}")
        }
    if isinstance(value, list):
        return {k for v in value for k in keys(v, f"{path}[]")}
    return set()


def answers(folder: Path) -> dict[str, list[str]]:
    """The keys that the commands print as JSON."""
    conf = folder / "demo.conf"
    conf.write_text(CONF)
    broken = folder / "broken.toml"
    broken.write_text("location = docker.io\n")
    journal = str(data_path("mirrors/builtin.jsonl"))
    table = {}
    for line in (
        ["explain", "nginx", "--json", "--podman", "6", "--conf", str(conf)],
        ["explain", "nginx", "--json", "--podman", "all", "--conf", str(conf)],
        ["explain", "nginx", "--json", "--podman", "6", "--conf", str(broken)],
        ["check", "--json", "--podman", "6", str(conf)],
        ["check", "--json", "--podman", "6", str(broken)],
        ["compare", "--json", journal],
    ):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            cli.main(line)
        shown = " ".join(Path(word).name for word in line)
        table[shown] = sorted(keys(json.loads(out.getvalue())))
    return table


def columns() -> dict[str, list[str]]:
    pulls, requests = regtools.read_journal(data_path("mirrors/builtin.jsonl"))
    conf = regtools.RegistriesConf.from_toml(CONF)
    return {
        "pulls": list(pulls.columns),
        "requests": list(requests.columns),
        "places": list(regtools.compare(pulls).places().columns),
        "pairs": list(regtools.compare(pulls).pairs().columns),
        "resolution": list(conf.resolve("nginx").to_frame().columns),
    }


def everything(folder: Path) -> dict[str, Any]:
    return {"names": names(), "commands": commands(), "answers": answers(folder), "columns": columns()}


def missing(promised: Any, present: Any, path: str = "") -> list[str]:
    """What is promised and not there (or there in another way); more than promised is welcome."""
    if isinstance(promised, dict):
        if not isinstance(present, dict):
            return [path]
        return [
            lost
            for key, value in promised.items()
            for lost in (
                [f"{path}/{key}"] if key not in present else missing(value, present[key], f"{path}/{key}")
            )
        ]
    if isinstance(promised, list):
        return [f"{path}: {each}" for each in promised if each not in (present or [])]
    return []


def test_nothing_promised_is_lost(tmp_path: Path) -> None:
    lost = missing(json.loads(TABLE.read_text()), everything(tmp_path))
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize(
    ("promised", "present", "lost"),
    [
        ({"a": ["x"]}, {"a": ["x", "y"], "b": []}, []),
        ({"a": ["x"]}, {"a": ["y"]}, ["/a: x"]),
        ({"a": {"b": None}}, {"a": {}}, ["/a/b"]),
        ({"a": ["x"]}, {"a": None}, ["/a: x"]),
    ],
)
def test_a_loss_is_noticed(promised: Any, present: Any, lost: list[str]) -> None:
    assert missing(promised, present) == lost


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as where:
        TABLE.write_text(json.dumps(everything(Path(where)), indent=1, sort_keys=True) + "\n")
