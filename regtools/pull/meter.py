"""Count the progress of a pull: plain numbers that its threads write and a progress bar reads."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .manifests import Blob, Image
    from .repository import Keep

__all__ = ["Meter"]


class Meter:
    """The progress of a pull. Reading needs no lock: each number is right by itself.

    Attributes:
        source: the source that is being asked.
        layers, size: number of layers and their bytes; 0 until the manifest has arrived.
        layers_done: number of complete layers.
        fetched: bytes of layers so far.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begin("")

    def begin(self, source: str) -> None:
        """Start again at another source."""
        self.source = source
        self.layers = self.size = self.layers_done = self.fetched = 0

    def expect(self, image: Image) -> None:
        """Take the sizes from the manifest."""
        self.layers, self.size = len({layer.digest for layer in image.layers}), image.layers_size

    def counting(self, keep: Keep) -> Keep:
        """Return ``keep`` with the bytes and the layers counted that pass through it."""

        @contextmanager
        def counted(blob: Blob) -> Iterator[BinaryIO | None]:
            with keep(blob) as target:
                if blob.layer is None:
                    yield target
                    return
                yield _Counted(self, target)  # type: ignore[misc]  # a body calls only these three methods
            self._add(0, layers=1)

        return counted

    def _add(self, count: int, layers: int = 0) -> None:
        with self._lock:
            self.fetched += count
            self.layers_done += layers


class _Counted:
    """The target of a body: counts, and passes on to the file if there is one."""

    __slots__ = ("_meter", "_target", "_written")

    def __init__(self, meter: Meter, target: BinaryIO | None) -> None:
        self._meter = meter
        self._target = target
        self._written = 0

    def write(self, data: bytes) -> int:
        if self._target is not None:
            self._target.write(data)
        self._written += len(data)
        self._meter._add(len(data))
        return len(data)

    def seek(self, offset: int) -> int:
        """Go back: the document is sent again."""
        self._meter._add(offset - self._written)
        self._written = offset
        return offset if self._target is None else self._target.seek(offset)

    def truncate(self) -> int:
        return self._written if self._target is None else self._target.truncate()
