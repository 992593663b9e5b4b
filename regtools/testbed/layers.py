"""Layers that are the same on every machine, and exactly as large as asked.

A layer is a tar archive of one file inside gzip. A real compressor gives other bytes with every zlib, so
the gzip here holds *stored* blocks only (RFC 1951, section 3.2.4): the content as it is, cut into pieces
of at most 65,535 bytes. A field that readers skip (RFC 1952, section 2.3.1.1) brings the layer to the
very size that was asked for, so that the bytes on the wire are round numbers.

The content of payload layers is the output of SHAKE128 (FIPS 202): nothing compresses it, and a seed
fixes it for ever. The i-th mebibyte is ``shake_128(f"regtools testbed/{seed}/{i}")``.

The executable of the `hello` image: a few machine instructions, put together by hand.

A compiler would give other bytes on every machine; these are the same everywhere, and so are the digests
of the image. The program is static and has one segment: it writes its greeting and exits with 0.

Sources: ELF-64 object file format (System V ABI, chapters 4 and 5), the Linux system call numbers
(``write`` 1 and ``exit`` 60 on x86-64, 64 and 93 on arm64), Intel SDM volume 2, Arm ARM chapter C6.
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

__all__ = [
    "ARCHITECTURES",
    "SMALLEST",
    "Layer",
    "executable",
    "file_layer",
    "greeting",
    "incompressible",
    "payload_layer",
]

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


ARCHITECTURES = ("amd64", "arm64")

BASE = 0x400000  # where the file is mapped; any address above mmap_min_addr that is a whole page would do
HEADERS = 64 + 56  # the ELF header and one program header; the code follows at once
MACHINES = {"amd64": 62, "arm64": 183}  # e_machine: EM_X86_64, EM_AARCH64
STDOUT = 1


def greeting(architecture: str) -> str:
    """Give the line that `hello` prints on this architecture (``amd64`` or ``arm64``)."""
    return f"Hello! This image came from a registry on your own machine (linux/{architecture}).\n"


def executable(architecture: str) -> bytes:
    """Give the static Linux executable that prints :func:`greeting`.

    >>> executable("amd64")[:4]
    b'\\x7fELF'
    """
    message = greeting(architecture).encode("ascii")
    assemble = {"amd64": _amd64, "arm64": _arm64}[architecture]
    return _wrap(MACHINES[architecture], assemble(len(message)) + message)


def _wrap(machine: int, content: bytes) -> bytes:
    size = HEADERS + len(content)
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)  # 64 bit, little-endian, version 1, System V
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        ident,
        2,  # e_type: ET_EXEC
        machine,
        1,  # e_version
        BASE + HEADERS,  # e_entry: the first instruction
        64,  # e_phoff: the program header follows this one
        0,  # e_shoff: no sections
        0,  # e_flags
        64,  # e_ehsize
        56,  # e_phentsize
        1,  # e_phnum
        0,  # e_shentsize
        0,  # e_shnum
        0,  # e_shstrndx
    )
    segment = struct.pack(
        "<IIQQQQQQ",
        1,  # p_type: PT_LOAD
        4 | 1,  # p_flags: readable and executable
        0,  # p_offset: the whole file
        BASE,  # p_vaddr
        BASE,  # p_paddr
        size,  # p_filesz
        size,  # p_memsz
        0x10000,  # p_align: the largest page that arm64 kernels use
    )
    return header + segment + content


def _amd64(length: int) -> bytes:
    # The message stands right behind these 33 bytes; `lea` counts from its own end, at byte 17.
    return b"".join(
        [
            b"\xb8" + struct.pack("<I", 1),  # mov eax, 1          write(
            b"\xbf" + struct.pack("<I", STDOUT),  # mov edi, 1        standard output,
            b"\x48\x8d\x35" + struct.pack("<i", 33 - 17),  # lea rsi, [rip+16]  the message,
            b"\xba" + struct.pack("<I", length),  # mov edx, length   its length)
            b"\x0f\x05",  # syscall
            b"\xb8" + struct.pack("<I", 60),  # mov eax, 60         exit(
            b"\x31\xff",  # xor edi, edi                          0)
            b"\x0f\x05",  # syscall
        ]
    )


def _arm64(length: int) -> bytes:
    # Every instruction is four bytes; the message stands behind eight of them, `adr` is the second.
    words = (
        _movz(0, STDOUT),  # mov x0, #1        write(standard output,
        _adr(1, 8 * 4 - 4),  # adr x1, message         the message,
        _movz(2, length),  # mov x2, #length           its length)
        _movz(8, 64),  # mov x8, #64
        0xD4000001,  # svc #0
        _movz(0, 0),  # mov x0, #0        exit(0)
        _movz(8, 93),  # mov x8, #93
        0xD4000001,  # svc #0
    )
    return struct.pack("<8I", *words)


def _movz(register: int, value: int) -> int:
    # MOVZ Xd, #imm16: the value stands in bits 5 to 20, the register in bits 0 to 4.
    return 0xD2800000 | value << 5 | register


def _adr(register: int, distance: int) -> int:
    # ADR Xd, label: the two low bits of the distance in bits 29 and 30, the others from bit 5 up.
    return 0x10000000 | (distance & 3) << 29 | (distance >> 2) << 5 | register
