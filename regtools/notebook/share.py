"""Where the notebooks and their data are: in a checkout, or inside the installed package.

The wheel carries ``notebooks/`` and ``data/`` under ``regtools/_share/``; a checkout has them at its top.
Every reader of these files uses this module, so that a chapter works the same from both.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from regtools.errors import Place, RegtoolsError

_PACKAGE = Path(__file__).resolve().parents[1]


def data_path(name: str) -> Path:
    """Find a file or folder of ``data/``, from the checkout or from the installed package.

    Args:
        name: its path below ``data/``, with forward slashes, such as ``"registries/two-mirrors.conf"``.

    Raises:
        RegtoolsError: kind ``file-missing``, with the nearest names that do exist.

    >>> data_path("registries/two-mirrors.conf").name
    'two-mirrors.conf'
    """
    folder = _share("data")
    path = (folder / name).resolve()
    if path.is_relative_to(folder) and path.exists():
        return path
    message = f"there is no data file {name!r}"
    raise RegtoolsError(
        message, kind="file-missing", stage="load", where=Place(f"data/{name}"), hint=_nearest(name, folder)
    )


def notebooks_dir() -> Path:
    """Find the folder of the chapters, in the checkout or in the installed package."""
    return _share("notebooks")


def is_checkout() -> bool:
    """Return whether this package runs from a checkout, rather than from an installed wheel."""
    return not (_PACKAGE / "_share").is_dir()


def _share(kind: str) -> Path:
    installed = _PACKAGE / "_share" / kind
    folder = installed if installed.is_dir() else _PACKAGE.parent / kind
    if not folder.is_dir():
        message = f"this installation of regtools has no {kind}/ folder"
        hint = "install it again from its wheel or from a checkout: python -m pip install podman-regtools"
        raise RegtoolsError(message, kind="file-missing", stage="load", where=Place(f"{kind}/"), hint=hint)
    return folder


def _nearest(name: str, folder: Path) -> str:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    near = get_close_matches(name, files, 3, 0.5) or files
    return "there are: " + ", ".join(near)
