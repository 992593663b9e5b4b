"""The ``Range`` header of HTTP (RFC 9110, section 14): one range of bytes, or none."""

from __future__ import annotations

import re

__all__ = ["Unsatisfiable", "byte_range"]

ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})[ \t]*", re.IGNORECASE)


class Unsatisfiable(Exception):  # noqa: N818 - it is an answer (416), not an accident
    """The range begins behind the end."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Give what a ``Range`` header asks of ``size`` bytes, as start and stop (exclusive).

    None where the whole is the answer: no header, another unit, several ranges, or a header that is not
    valid; a server may ignore all of these (14.2).

    Raises:
        Unsatisfiable: the range is valid, but no byte of it is there.

    >>> byte_range("bytes=2-", 10), byte_range("bytes=-3", 10), byte_range("bytes=0-99", 10)
    ((2, 10), (7, 10), (0, 10))
    """
    match = ONE_RANGE.fullmatch(header or "")
    if not match or match["first"] == match["last"] == "":
        return None
    first, last = (int(text or 0) for text in match.groups())
    if not match["first"]:
        start, stop = max(0, size - last), size
    else:
        start, stop = first, min(last + 1, size) if match["last"] else size
        if match["last"] and last < first:
            return None
    if start >= size:
        raise Unsatisfiable
    return start, stop
