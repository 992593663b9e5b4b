"""A document on its way in: what it must be, and whether it is.

Hashed while it arrives, stopped at its first byte too many, judged by size and digest.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from .secret import Secret

__all__ = ["DIGEST", "Body", "Wanted"]

# What a digest must look like before it is worth hashing for (image specification, "Digests").
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
BATCH = 128 * 1024  # libcurl hands over 16 KiB at a time; hashing so little costs more than it hashes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch: where it is, what it must be, and how much of it is bearable.

    ``size`` is what was declared, None where nobody has; ``limit`` holds then. ``patient`` repeats what may
    pass; a source with a successor is not waited for. ``form`` is posted, and then to ``url`` only.
    """

    kind: str
    url: str
    digest: str | None = None
    size: int | None = None
    limit: int | None = None
    layer: int | None = None
    accept: str | None = None
    patient: bool = True
    form: Secret | None = None


class Body:
    """What has arrived of a document: hashed on the way, counted, and kept where somebody wants it.

    Hashing and writing happen in batches, so memory is bounded by the batch whatever the document's size.
    """

    __slots__ = (
        "_hash", "_keep", "_limit", "_parts", "_pending", "_wanted",
        "cpu_s", "digest", "problem", "received", "too_long",
    )  # fmt: skip

    def __init__(self, wanted: Wanted, keep: BinaryIO | None = None) -> None:
        self._wanted = wanted
        self._keep = keep
        self._limit = wanted.limit if wanted.size is None else wanted.size
        self.cpu_s = 0.0
        self.restart()

    def restart(self) -> None:
        """Forget everything: the document comes again from its first byte."""
        self.expect(self._wanted.digest)
        self._parts: list[bytes] = []
        self._pending = 0
        self.received = 0
        self.too_long = False
        self.problem: OSError | None = None
        if self._keep is not None:
            self._keep.seek(0)
            self._keep.truncate()

    def expect(self, digest: str | None) -> None:
        """Say what the document must hash to; None if nobody knows. Only before its first byte."""
        self.digest = digest
        self._hash = hashlib.new(digest.partition(":")[0] if digest else "sha256")

    def take(self, data: bytes) -> bool:
        """Take a chunk; False when there is more than there may be, or nowhere to put it."""
        self.received += len(data)
        if self._limit is not None and self.received > self._limit:
            self.too_long = True
            return False
        self._parts.append(data)
        self._pending += len(data)
        return self._pending < BATCH or self.flush()

    def flush(self) -> bool:
        """Hash and write what is pending; False when the disk takes no more."""
        batch = b"".join(self._parts)
        self._parts.clear()
        self._pending = 0
        before = time.thread_time()
        self._hash.update(batch)
        self.cpu_s += time.thread_time() - before
        if self._keep is not None:
            try:
                self._keep.write(batch)
            except OSError as error:
                self.problem = error
                return False
        return True

    def hashed(self) -> str:
        """Give the digest of what has arrived, its algorithm in front."""
        self.flush()
        return f"{self._hash.name}:{self._hash.hexdigest()}"

    def verdict(self) -> tuple[str, str] | None:
        """Give error kind and message if this is not the document that was wanted; None if it is."""
        self.flush()
        wanted = self._wanted
        declared = f"{wanted.size} bytes were declared"
        if self.problem is not None:
            return "disk", f"it cannot be written: {self.problem.strerror}"
        if self.too_long and wanted.size is None:
            return "too-large", f"it has more than the {wanted.limit} bytes that a {wanted.kind} may have"
        if self.too_long:
            return "size-mismatch", f"it is longer than it should be: {declared}"
        if wanted.size is not None and self.received != wanted.size:
            return "size-mismatch", f"it has {self.received} bytes; {declared}"
        if self.digest and self.hashed() != self.digest:
            return "digest-mismatch", f"its content is not what {self.digest} stands for"
        return None
