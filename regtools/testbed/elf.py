"""The executable of the `hello` image: a few machine instructions, put together by hand.

A compiler would give other bytes on every machine; these are the same everywhere, and so are the digests
of the image. The program is static and has one segment: it writes its greeting and exits with 0.

Sources: ELF-64 object file format (System V ABI, chapters 4 and 5), the Linux system call numbers
(``write`` 1 and ``exit`` 60 on x86-64, 64 and 93 on arm64), Intel SDM volume 2, Arm ARM chapter C6.
"""

from __future__ import annotations

import struct

__all__ = ["ARCHITECTURES", "executable", "greeting"]

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
