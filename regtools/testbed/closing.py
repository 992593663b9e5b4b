"""What is open until it is closed: by ``close()``, or by the end of a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

__all__ = ["Closing"]


class Closing(ABC):
    """A thing for ``with`` blocks, whose ``close()`` may be called more than once."""

    @abstractmethod
    def close(self) -> None:
        """End it, and free what it holds; more than once is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
