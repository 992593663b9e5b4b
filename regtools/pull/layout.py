"""Write an image as an OCI image layout (image specification, "Image Layout"), whole or not at all.

Everything is written to a folder beside the target and renamed to it once the last byte has been verified.
The manifest is stored byte by byte, with Docker's types if it has them: its digest is its identity.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import unwritable

from .http.values import pull_error

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import BinaryIO

    from regtools.errors import RegtoolsError

    from .manifests import Blob, Image

__all__ = ["Layout"]


class Layout:
    """A layout in the making: :meth:`finish` puts it in place, :meth:`abandon` leaves no trace of it.

    Raises:
        RegtoolsError: ``into-not-empty`` if ``target`` holds anything; ``file-unwritable``.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        import tempfile

        self._target = Path(target)
        if self._target.exists() and not (self._target.is_dir() and not any(self._target.iterdir())):
            hint = "name a folder that does not exist, or an empty one"
            message = "it exists and is not an empty folder"
            raise pull_error("into-not-empty", message, hint, file=self._target)
        try:
            self._folder = tempfile.TemporaryDirectory(
                prefix=f".{self._target.name}.",
                suffix=".partial",
                dir=self._target.absolute().parent,
                ignore_cleanup_errors=True,
            )
            self._beside = Path(self._folder.name)
            (self._beside / "blobs").mkdir()
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def keep(self, blob: Blob) -> Iterator[BinaryIO]:
        """Open the file of a blob."""
        try:
            with self._path(blob.digest).open("wb+") as file:
                yield file
                file.flush()
        except OSError as error:
            message = f"the layout cannot be written: {error.strerror}"
            raise pull_error("disk", message, file=self._target) from error

    def finish(self, image: Image, name: str | None) -> None:
        """Write manifest and index, and move the layout to its target.

        Args:
            image: the manifest.
            name: name of the image in the index (``org.opencontainers.image.ref.name``), usually a tag.
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
            self._beside.chmod(0o755)  # a temporary folder is private
            self._beside.rename(self._target)
        except OSError as error:
            raise self._unwritable(error) from error

    def abandon(self) -> None:
        """Remove everything that is not in place."""
        self._folder.cleanup()

    def _path(self, digest: str) -> Path:
        algorithm, _, name = digest.partition(":")  # both are checked: they contain no path
        folder = self._beside / "blobs" / algorithm
        folder.mkdir(exist_ok=True)
        return folder / name

    def _unwritable(self, error: OSError) -> RegtoolsError:
        return unwritable(self._target, error, what="the layout", stage="pull")
