"""What stands for typing's, so that a start can do without it, does the same."""

from __future__ import annotations

import ast
import inspect
import pickle
import typing
from importlib import import_module
from pathlib import Path

import pytest

import regtools
from regtools import values

PACKAGE = Path(regtools.__file__).parent


def named_tuples() -> dict[str, tuple[str, ast.ClassDef]]:
    """Class → its module, and its definition, of all modules that take NamedTuple from regtools.values."""
    found = {}
    texts = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    for path, tree in ((path, ast.parse(text)) for path, text in texts.items() if "NamedTuple" in text):
        taken = {
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "regtools.values"
            for alias in node.names
        }
        for node in tree.body if "NamedTuple" in taken else ():
            if isinstance(node, ast.ClassDef) and [ast.unparse(each) for each in node.bases] == [
                "NamedTuple"
            ]:
                parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
                found[f"{parts[-1]}.{node.name}"] = (".".join(parts), node)
    return found


ALL = named_tuples()


@pytest.mark.parametrize("name", ALL)
def test_a_named_tuple_is_as_typing_makes_it(name: str) -> None:
    module, node = ALL[name]
    ours = getattr(import_module(module), node.name)
    own = vars(import_module(module)) | {"NamedTuple": typing.NamedTuple}
    code = ast.Module([ast.parse("from __future__ import annotations").body[0], node], [])
    made: dict[str, typing.Any] = {}
    exec(compile(code, module, "exec"), own, made)
    theirs = made[node.name]
    for each in ("_fields", "_field_defaults", "__doc__", "__module__", "__qualname__", "__match_args__"):
        assert getattr(ours, each) == getattr(theirs, each), each
    assert vars(ours).keys() - vars(theirs).keys() <= {"__slotnames__"}  # which copying leaves there
    assert vars(theirs).keys() - vars(ours).keys() <= {"__orig_bases__"}
    assert inspect.signature(ours).replace(return_annotation="").parameters.keys() == {*ours._fields}
    parts = range(len(ours._fields))
    value = ours(*parts)
    assert (value, repr(value)) == (tuple(parts), repr(theirs(*parts)))
    assert hash(value) == hash(theirs(*parts))
    assert pickle.loads(pickle.dumps(value)) == value
    assert value._replace(**{ours._fields[-1]: "last"})[-1] == "last"
    with pytest.raises(TypeError):
        ours(*parts, "one too many")


def test_there_are_named_tuples_to_look_at() -> None:
    assert len(ALL) > 20
    assert not values.TYPE_CHECKING
