"""What every start needs in place of dataclasses and typing, which take longer to import than all the rest.

``Value`` and ``Frozen`` are the bases of small values. ``TYPE_CHECKING`` and ``NamedTuple`` stand for
typing's in the modules that each command, and each pull, loads: these import typing for annotations only, in
its block.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Never, Self
    from typing import NamedTuple as NamedTuple
else:

    class _Named(type):
        """Makes a named tuple of a class as typing does, but compiles no annotation."""

        def __new__(cls, name, bases, body):
            fields = body.get("__annotations__", {})
            given = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=given, module=body["__module__"])
            made.__new__.__annotations__ = fields
            for key, value in body.items():
                setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_Named, "NamedTuple", (), {})


class Value:
    """A value: equal to values of its class with equal parts, and hashable. Its parts are its slots."""

    __slots__: tuple[str, ...] = ()

    def replace(self, **changes: Any) -> Self:
        """Return a copy in which some parts have other values."""
        return type(self)(**dict(zip(self.__slots__, self._parts(), strict=True)) | changes)

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), self._parts()))


class Frozen(Value):
    """A value that cannot be changed, shows its parts and survives pickling.

    A subclass names its parts in ``__slots__`` and ``__match_args__``, in the order of the arguments of its
    ``__init__``, which checks them and passes them to :meth:`_set`.
    """

    __slots__: tuple[str, ...] = ()

    def _set(self, *parts: object) -> None:
        for name, part in zip(self.__slots__, parts, strict=True):
            object.__setattr__(self, name, part)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({parts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._parts()
