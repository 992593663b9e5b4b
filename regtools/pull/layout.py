"""An image on the disk as an OCI image layout (image specification, "Image Layout"), whole or not at all.

Everything is written into a folder beside the target, which gets the target's name when the last byte has
been verified. The manifest is stored as it came, Docker's types included: its digest is its identity.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import BinaryIO

    from .manifests import Blob, Image

__all__ = ["Layout"]


class Layout:
    """A layout in the making; :meth:`finish` makes it appear, :meth:`abandon` leaves no trace of it.

    Raises:
        RegtoolsError: ``into-not-empty`` if something stands at ``target``; ``file-unwritable``.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        self._target = Path(target)
        if self._target.exists() and not (self._target.is_dir() and not any(self._target.iterdir())):
            raise RegtoolsError(
                "there is something already",
                kind="into-not-empty",
                stage="pull",
                where=Place(str(self._target)),
                hint="name a folder that does not exist, or an empty one",
            )
        try:
            parent = self._target.absolute().parent
            self._beside = Path(
                tempfile.mkdtemp(prefix=f".{self._target.name}.", suffix=".partial", dir=parent)
            )
            (self._beside / "blobs").mkdir()
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def keep(self, blob: Blob) -> Iterator[BinaryIO]:
        """Open the file for a blob."""
        try:
            with self._path(blob.digest).open("wb+") as file:
                yield file
                file.flush()
        except OSError as error:
            raise self._unwritable(error, "disk") from error

    def finish(self, image: Image, name: str | None) -> None:
        """Write manifest and index, and let the layout appear under its name.

        Arguments:
            name: what the index calls the image (``org.opencontainers.image.ref.name``), usually a tag.
        """
        descriptor = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.raw)}
        if name is not None:
            descriptor["annotations"] = {"org.opencontainers.image.ref.name": name}
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [descriptor],
        }
        try:
            self._path(image.digest).write_bytes(image.raw)
            (self._beside / "index.json").write_text(json.dumps(index))
            (self._beside / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
            self._beside.chmod(0o755)  # what mkdtemp made is private
            self._beside.rename(self._target)
        except OSError as error:
            raise self._unwritable(error) from error

    def abandon(self) -> None:
        """Remove what has not become a layout."""
        shutil.rmtree(self._beside, ignore_errors=True)

    def _path(self, digest: str) -> Path:
        algorithm, _, name = digest.partition(":")  # both checked before: no path can hide in them
        folder = self._beside / "blobs" / algorithm
        folder.mkdir(exist_ok=True)
        return folder / name

    def _unwritable(self, error: OSError, kind: str = "file-unwritable") -> RegtoolsError:
        return RegtoolsError(
            f"the layout cannot be written: {error.strerror}",
            kind=kind,
            stage="pull",
            where=Place(str(self._target)),
        )
