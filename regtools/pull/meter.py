"""Count how far a pull has come, for a progress bar."""

from __future__ import annotations

import threading


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

    def expect(self, layers: int, size: int) -> None:
        """Set the number of layers and their bytes, once the manifest has arrived."""
        self.layers, self.size = layers, size

    def add(self, count: int, layers: int = 0) -> None:
        """Add bytes and complete layers; bytes that will be sent again are negative."""
        with self._lock:
            self.fetched += count
            self.layers_done += layers
