"""Layers that are the same on every machine, and exactly as large as asked.

A layer is a tar archive of one file inside gzip. A real compressor gives other bytes with every zlib, so
the gzip here holds *stored* blocks only (RFC 1951, section 3.2.4): the content as it is, cut into pieces
of at most 65,535 bytes. A field that readers skip (RFC 1952, section 2.3.1.1) brings the layer to the
very size that was asked for, so that the bytes on the wire are round numbers.

The content of payload layers is the output of SHAKE128 (FIPS 202): it cannot be compressed, and a seed
determines it. The i-th mebibyte is ``shake_128(f"regtools testbed/{seed}/{i}")``.

The content of the `hello` image is a static executable of a few machine instructions, written by hand because
a compiler gives other bytes on every machine. It has one segment, prints its greeting and exits with 0.
Sources: ELF-64 object file format (System V ABI, chapters 4 and 5), the Linux system call numbers
(``write`` 1 and ``exit`` 60 on x86-64, 64 and 93 on arm64), Intel SDM volume 2, Arm ARM chapter C6.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .process import bad

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
    """Yield ``size`` bytes that nothing compresses, the same for the same seed, in pieces of at most 1 MiB.

    >>> b"".join(incompressible("a", 4)).hex() == b"".join(incompressible("a", 9)).hex()[:8]
    True
    """
    for index, start in enumerate(range(0, size, PIECE)):
        yield hashlib.shake_128(f"regtools testbed/{seed}/{index}".encode()).digest(min(PIECE, size - start))


def payload_layer(path: str, seed: str, size: int) -> Layer:
    """Make a layer of exactly ``size`` bytes on the wire whose one file is incompressible.

    Args:
        path: the file's path in the image.
        seed: decides the content.
        size: of the compressed layer, in bytes.

    Raises:
        RegtoolsError: ``size`` is below :data:`SMALLEST`, the room that tar and gzip take themselves.
    """
    if size < SMALLEST:
        message = f"a layer of {size} bytes is too small: tar and gzip alone take {SMALLEST}"
        hint = f"give every layer at least {SMALLEST} bytes"
        raise bad(message, hint)
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
    """Return the digest of ``data`` in the form of the OCI image specification."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _gzip_header(padding: int) -> bytes:
    # Magic, deflate, flag FEXTRA, time 0, no hint on the effort, "unknown" system; then subfield "rt".
    fixed = struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, 4, 0, 0, 255)
    return fixed + struct.pack("<H2sH", 4 + padding, b"rt", padding) + bytes(padding)


def _stored_size(length: int) -> int:
    return length + 5 * max(1, -(-length // STORED))


ARCHITECTURES = ("amd64", "arm64")
MACHINES = {"amd64": 62, "arm64": 183}  # e_machine: EM_X86_64, EM_AARCH64
BASE = 0x400000  # where the file is mapped; any address above mmap_min_addr that is a whole page would do
PAGE = 0x10000  # the largest page that arm64 kernels use
HEADERS = 64 + 56  # the ELF header and one program header; the code follows at once


def greeting(architecture: str) -> str:
    """Return the line that `hello` prints on this architecture (``amd64`` or ``arm64``)."""
    return f"Hello! This image came from a registry on your own machine (linux/{architecture}).\n"


def executable(architecture: str) -> bytes:
    """Return the static Linux executable that prints :func:`greeting`.

    >>> executable("amd64")[:4]
    b'\\x7fELF'
    """
    message = greeting(architecture).encode("ascii")
    code = _amd64(len(message)) if architecture == "amd64" else _arm64(len(message))
    size = HEADERS + len(code) + len(message)
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)  # 64 bit, little-endian, version 1, System V
    # e_type ET_EXEC, e_machine, e_version, e_entry (the first instruction), e_phoff (after this header), no
    # e_shoff, no e_flags, e_ehsize, e_phentsize, e_phnum, and no sections.
    fields = (2, MACHINES[architecture], 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, *fields)
    # p_type PT_LOAD, p_flags (readable and executable), p_offset (the whole file), p_vaddr, p_paddr,
    # p_filesz, p_memsz, p_align.
    segment = struct.pack("<IIQQQQQQ", 1, 4 | 1, 0, BASE, BASE, size, size, PAGE)
    return header + segment + code + message


def _amd64(length: int) -> bytes:
    # The message follows these 33 bytes; `lea` counts from its own end, at byte 17.
    return bytes.fromhex(
        "b8 01000000"  # mov eax, 1               write(
        "bf 01000000"  # mov edi, 1                 standard output,
        "48 8d 35 10000000"  # lea rsi, [rip+16]    the message,
        f"ba {struct.pack('<I', length).hex()}"  # mov edx, length  its length)
        "0f 05"  # syscall
        "b8 3c000000"  # mov eax, 60              exit(
        "31 ff"  # xor edi, edi                     0)
        "0f 05"  # syscall
    )


def _arm64(length: int) -> bytes:
    # MOVZ Xd, #imm16 has the value in bits 5 to 20, ADR Xd, label a quarter of the distance from bit 5 up.
    words = (
        0xD2800020,  # mov x0, #1                 write(standard output,
        0x100000E1,  # adr x1, 28 bytes ahead       the message, which follows these 32 bytes,
        0xD2800002 | length << 5,  # mov x2         its length)
        0xD2800808,  # mov x8, #64
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0                 exit(0)
        0xD2800BA8,  # mov x8, #93
        0xD4000001,  # svc #0
    )
    return struct.pack("<8I", *words)
