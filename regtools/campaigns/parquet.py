"""Journals as Parquet, for big campaigns and for other programs: two files, pulls and requests.

pyarrow does it; it comes with the extra ``parquet`` and is imported only here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError
from regtools.pull.records import PULL_COLUMNS, REQUEST_COLUMNS

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

__all__ = ["read_parquet", "write_parquet"]


def write_parquet(
    path: str | os.PathLike[str], pulls: pd.DataFrame, requests: pd.DataFrame | None = None
) -> None:
    """Write the frames of :func:`~regtools.read_journal`; the same function reads them back.

    Arguments:
        path: of the pulls, ``NAME.parquet``; requests go to ``NAME.requests.parquet`` beside it.

    Raises:
        RegtoolsError: ``extra-missing`` without pyarrow, ``file-unwritable``, ``usage`` for another name.
    """
    _need_pyarrow()
    if Path(path).suffix != ".parquet":
        message = "the name must end in .parquet, so that read_journal knows what it is"
        raise RegtoolsError(message, kind="usage", stage="pull", where=Place(os.fspath(path)))
    try:
        pulls.to_parquet(path, index=False)
        if requests is not None:
            requests.to_parquet(_beside(path), index=False)
    except OSError as error:
        raise _unusable(path, "written", "file-unwritable", error) from error


def read_parquet(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read what :func:`write_parquet` wrote; columns and dtypes are those of a journal.

    Raises:
        RegtoolsError: ``extra-missing``, ``file-missing``, ``file-unreadable``.
    """
    _need_pyarrow()
    beside = _beside(path)
    pulls = _read(Path(path), PULL_COLUMNS)
    requests = _read(beside if beside.exists() else None, REQUEST_COLUMNS)
    pulls.attrs["skipped"] = []
    return pulls, requests


def _read(path: Path | None, columns: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    from regtools.pull.frames import Table

    if path is None:
        return Table(columns).frame()
    try:
        found: Any = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise _unusable(path, "read", "file-missing", error) from error
    except (OSError, ValueError) as error:  # what pyarrow says of damage is one of these
        raise _unusable(path, "read", "file-unreadable", error) from error
    for name, dtype in columns.items():
        if name not in found:
            found[name] = None
        elif dtype == "object":
            found[name] = pd.Series([_plain(value) for value in found[name]], dtype="object")
    framed: pd.DataFrame = found[list(columns)].astype(columns)
    return framed


def _plain(value: Any) -> Any:
    """Give lists again, where pyarrow gives arrays; of a pair the second is a number of bytes."""
    if value is None:
        return None
    items = list(value)
    if items and not isinstance(items[0], str):
        return [[float(moment), int(count)] for moment, count in items]
    return items


def _beside(path: str | os.PathLike[str]) -> Path:
    return Path(path).with_suffix(".requests.parquet")


def _need_pyarrow() -> None:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise RegtoolsError(
            "Parquet needs pyarrow, which is not installed",
            kind="extra-missing",
            stage="pull",
            hint="pip install 'podman-regtools[parquet]'",
        )


def _unusable(path: str | os.PathLike[str], done: str, kind: str, error: Exception) -> RegtoolsError:
    reason = getattr(error, "strerror", None) or str(error)
    return RegtoolsError(
        f"the file cannot be {done}: {reason}", kind=kind, stage="load", where=Place(os.fspath(path))
    )
