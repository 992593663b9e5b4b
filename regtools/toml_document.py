"""What reading gives: the text, its values, and notes about what was accepted but is worth saying."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import Place

if TYPE_CHECKING:
    from typing import Any

    from .positions import Path, Span

__all__ = ["Note", "TomlDocument"]


class Note(NamedTuple):
    """Something worth saying about text that was accepted: ``bom`` or ``precision-lost``."""

    code: str
    message: str
    where: Place

    def __str__(self) -> str:
        return f"{self.where}: note: {self.message} [{self.code}]"


class TomlDocument(NamedTuple):
    """An accepted text: without its byte-order mark, its values in source order, and notes."""

    text: str
    data: dict[str, Any]
    notes: tuple[Note, ...] = ()

    def positions(self) -> dict[Path, Span]:
        """Give where each key stands; scanned anew at each call."""
        from .positions import locate

        return locate(self.text)


def bom_note(file: str | None) -> Note:
    """Say that a byte-order mark was dropped, as podman drops it too."""
    return Note("bom", "byte-order mark at the start, not needed and ignored", Place(file, 1, 1))


def precision_notes(text: str, file: str | None) -> tuple[Note, ...]:
    """Say where digits after the sixth of a second's fraction were cut, which is tomli's limit."""
    import re

    from .positions import locate

    fraction = re.compile(r":\d\d\.\d{7}")
    message = "digits after the sixth of a second's fraction are cut"
    return tuple(
        Note("precision-lost", message, Place(file, span.value_line, span.value_column))
        for span in locate(text).values()
        if text[span.value_start].isdigit() and fraction.search(text, span.value_start, span.value_end)
    )
