"""The base of small frozen values on the start-up path, where importing dataclasses costs too much."""

from __future__ import annotations

from typing import Any, Never

__all__ = ["Value"]


class Value:
    """A value: frozen, equal to values of its class with equal parts, hashable, and it survives pickling.

    A subclass names its parts in ``__match_args__``, in the order of the arguments of its ``__init__``, which
    checks them and passes them to :meth:`_set`.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def _set(self, *parts: object) -> None:
        for name, part in zip(self.__match_args__, parts, strict=True):
            object.__setattr__(self, name, part)

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), self._parts()))

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({parts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._parts()
