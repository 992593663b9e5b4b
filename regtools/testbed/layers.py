"""Layers that are the same on every machine, and exactly as large as asked.

A layer is a tar archive of one file inside gzip. A real compressor gives other bytes with every zlib, so
the gzip here holds *stored* blocks only (RFC 1951, section 3.2.4): the content as it is, cut into pieces
of at most 65,535 bytes. A field that readers skip (RFC 1952, section 2.3.1.1) brings the layer to the
very size that was asked for, so that the bytes on the wire are round numbers.

The content of payload layers is the output of SHAKE128 (FIPS 202): nothing compresses it, and a seed
fixes it for ever. The i-th mebibyte is ``shake_128(f"regtools testbed/{seed}/{i}")``.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["SMALLEST", "Layer", "file_layer", "incompressible", "payload_layer"]

BLOCK = 512  # tar's unit
STORED = 0xFFFF  # the most that one stored block holds
PIECE = 1 << 20  # bytes that SHAKE128 gives at a time
TAR_FRAME = 3 * BLOCK  # the file's header, and two empty blocks that end an archive
GZIP_FRAME = 10 + 2 + 4 + 8  # header, length of the extra field, head of its one subfield, trailer
SMALLEST = GZIP_FRAME + 5 + TAR_FRAME + BLOCK


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: ``data`` as it travels, its ``digest``, and ``diff_id``, the digest of the tar inside."""

    data: bytearray = field(repr=False)
    digest: str
    diff_id: str

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return len(self.data)


def incompressible(seed: str, size: int) -> Iterator[bytes]:
    """Give ``size`` bytes that nothing compresses, the same for the same seed, in pieces of at most 1 MiB.

    >>> b"".join(incompressible("a", 4)).hex() == b"".join(incompressible("a", 9)).hex()[:8]
    True
    """
    for index, start in enumerate(range(0, size, PIECE)):
        yield hashlib.shake_128(f"regtools testbed/{seed}/{index}".encode()).digest(min(PIECE, size - start))


def payload_layer(path: str, seed: str, size: int) -> Layer:
    """Make a layer of exactly ``size`` bytes on the wire whose one file is incompressible.

    Raises:
        RegtoolsError: ``size`` is below :data:`SMALLEST`, the room that tar and gzip take themselves.
    """
    if size < SMALLEST:
        raise RegtoolsError(
            f"a layer of {size} bytes is too small: tar and gzip alone take {SMALLEST}",
            kind="bad-testbed",
            stage="load",
            hint=f"give every layer at least {SMALLEST} bytes",
        )
    archive = (size - GZIP_FRAME) // BLOCK * BLOCK
    while GZIP_FRAME + _stored_size(archive) > size:
        archive -= BLOCK
    content = archive - TAR_FRAME
    padding = size - GZIP_FRAME - _stored_size(archive)
    return _pack(_tar(path, 0o644, content, incompressible(seed, content)), padding)


def file_layer(path: str, content: bytes, *, mode: int) -> Layer:
    """Make a layer with one small file, unpadded."""
    return _pack(_tar(path, mode, len(content), [content]), 0)


def _tar(path: str, mode: int, size: int, content: Iterable[bytes]) -> Iterator[bytes]:
    entry = tarfile.TarInfo(path)  # owner 0:0 and time 0 are its defaults
    entry.mode, entry.size = mode, size
    yield entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    yield from content
    yield bytes(-size % BLOCK + 2 * BLOCK)


def _pack(archive: Iterable[bytes], padding: int) -> Layer:
    data, inner, crc, length = bytearray(_gzip_header(padding)), hashlib.sha256(), 0, 0
    waiting = bytearray()
    for piece in archive:
        inner.update(piece)
        crc = zlib.crc32(piece, crc)
        length += len(piece)
        waiting += piece
        while len(waiting) > STORED:  # one block is always kept back: only the last one says that it is
            data += struct.pack("<BHH", 0, STORED, 0)
            data += memoryview(waiting)[:STORED]
            waiting = waiting[STORED:]
    data += struct.pack("<BHH", 1, len(waiting), len(waiting) ^ STORED)
    data += waiting
    data += struct.pack("<II", crc, length & 0xFFFFFFFF)
    return Layer(data, sha256(data), f"sha256:{inner.hexdigest()}")


def sha256(data: bytes | bytearray) -> str:
    """Give the digest of ``data`` in the form of the OCI image specification."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _gzip_header(padding: int) -> bytes:
    # Magic, deflate, flag FEXTRA, time 0, no hint on the effort, "unknown" system; then subfield "rt".
    fixed = struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, 4, 0, 0, 255)
    return fixed + struct.pack("<H2sH", 4 + padding, b"rt", padding) + bytes(padding)


def _stored_size(length: int) -> int:
    blocks = max(1, -(-length // STORED))
    return length + 5 * blocks
