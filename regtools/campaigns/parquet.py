"""Journals as Parquet, for big campaigns and for other programs: two files, pulls and requests.

pyarrow reads and writes them; it comes with the extra ``parquet``.
"""

# Paths are text here, as in the journal.
# ruff: noqa: PTH110, PTH122
from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError, unwritable
from regtools.pull.frames import Table
from regtools.pull.records import PULL_COLUMNS, REQUEST_COLUMNS

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

__all__ = ["read_parquet", "write_parquet"]


def write_parquet(
    path: str | os.PathLike[str], pulls: pd.DataFrame, requests: pd.DataFrame | None = None
) -> None:
    """Write the frames of :func:`~regtools.read_journal`, which also reads them back.

    Args:
        path: file for the pulls, ``NAME.parquet``; requests go to ``NAME.requests.parquet`` beside it.
        pulls: frame of pulls.
        requests: frame of requests; None writes no file for them.

    Raises:
        RegtoolsError: ``extra-missing`` without pyarrow, ``file-unwritable``, ``usage`` for another name.
    """
    _need_pyarrow()
    if os.path.splitext(path)[1] != ".parquet":
        message = "the name must end in .parquet, so that read_journal recognises it"
        raise RegtoolsError(message, kind="usage", stage="pull", where=Place(os.fspath(path)))
    try:
        pulls.to_parquet(path, index=False)
        if requests is not None:
            requests.to_parquet(_beside(path), index=False)
    except OSError as error:
        raise unwritable(path, error, what="the file") from error


def read_parquet(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read what :func:`write_parquet` wrote; columns and dtypes are those of a journal.

    Raises:
        RegtoolsError: ``extra-missing``, ``file-missing``, ``file-unreadable``.
    """
    _need_pyarrow()
    beside = _beside(path)
    pulls = _read(path, PULL_COLUMNS)
    requests = _read(beside, REQUEST_COLUMNS) if os.path.exists(beside) else Table(REQUEST_COLUMNS).frame()
    pulls.attrs["skipped"] = []
    return pulls, requests


def _read(path: str | os.PathLike[str], columns: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    try:
        found: Any = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow reports damage as one of these
        raise RegtoolsError(
            f"the file cannot be read: {getattr(error, 'strerror', None) or error}",
            kind="file-missing" if isinstance(error, FileNotFoundError) else "file-unreadable",
            stage="load",
            where=Place(os.fspath(path)),
        ) from error
    for name, dtype in columns.items():
        if name not in found:
            found[name] = None
        elif dtype == "object":
            found[name] = pd.Series([_plain(value) for value in found[name]], dtype="object")
    framed: pd.DataFrame = found[list(columns)].astype(columns)
    return framed


def _plain(value: Any) -> Any:
    """Return lists where pyarrow returns arrays; the second of a pair is a number of bytes."""
    if value is None:
        return None
    items = list(value)
    if items and not isinstance(items[0], str):
        return [[float(moment), int(count)] for moment, count in items]
    return items


def _beside(path: str | os.PathLike[str]) -> str:
    return f"{os.path.splitext(path)[0]}.requests.parquet"


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise RegtoolsError(
            "Parquet needs pyarrow, which is not installed",
            kind="extra-missing",
            stage="pull",
            hint="pip install 'podman-regtools[parquet]'",
        )
