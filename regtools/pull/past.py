"""What a journal holds of a campaign already, and the lock that keeps a second one from writing to it."""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path

from regtools.errors import Place, RegtoolsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

__all__ = ["Past", "campaign_rows", "locked"]


@dataclass(frozen=True, slots=True)
class Past:
    """What a journal holds of a campaign: its plan's row, the keys and bytes of what is done, and where."""

    row: dict[str, Any] | None
    done: frozenset[str]
    bytes: int
    vantages: frozenset[str]

    @classmethod
    def read(cls, journal: str) -> Past:
        """Read a journal; what is torn or of another campaign counts for nothing."""
        row: dict[str, Any] | None = None
        done: dict[str, int] = {}
        vantages: set[tuple[Any, str]] = set()
        for found in campaign_rows(journal):
            if found["row"] == "campaign":
                row = row or found
            elif found["row"] == "vantage":
                vantages.add((found.get("campaign"), str(found.get("vantage"))))
            elif isinstance(found.get("job"), str):
                done[found["job"]] = found.get("bytes_fetched") or 0
        if row is None:
            return cls(None, frozenset(), 0, frozenset())
        mine = {key: size for key, size in done.items() if key.startswith(f"{row.get('campaign')}/")}
        there = frozenset(name for campaign, name in vantages if campaign == row.get("campaign"))
        return cls(row, frozenset(mine), sum(mine.values()), there)


def campaign_rows(journal: str) -> Iterator[dict[str, Any]]:
    """Give the rows of campaigns and pulls; what is torn or of no campaign is passed over."""
    with Path(journal).open("rb") as lines:
        for line in lines:
            if b'"job"' not in line and b'"campaign"' not in line:
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and row.get("row") in ("pull", "campaign", "vantage"):
                yield row


class locked:  # noqa: N801 - used like a function
    """Keeps a second campaign from writing to the same journal; makes the file."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._file: BinaryIO | None = None

    def __enter__(self) -> None:
        try:
            self._file = Path(self._journal).open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__()
            raise RegtoolsError(
                "another campaign is writing to this journal",
                kind="journal-in-use",
                stage="pull",
                where=Place(self._journal),
                hint="wait for it, stop it, or name another journal",
            ) from None
        except OSError as error:
            raise RegtoolsError(
                f"the journal cannot be written: {error.strerror}",
                kind="file-unwritable",
                stage="pull",
                where=Place(self._journal),
            ) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
