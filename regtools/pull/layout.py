"""Write an image as an OCI image layout (image specification, "Image Layout"), whole or not at all.

Everything is written to a folder beside the target and renamed to it once the last byte has been verified.
The manifest is stored byte by byte, with Docker's types if it has them: its digest is its identity.
"""

# Paths are text here: importing pathlib costs 2 ms of every pull, and few pulls keep their image.
# ruff: noqa: PTH100, PTH101, PTH102, PTH103, PTH104, PTH110, PTH112, PTH123, PTH208
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from regtools.errors import RegtoolsError, unwritable
from regtools.values import TYPE_CHECKING

from .http.values import pull_error
from .manifests import Blob, Image

if TYPE_CHECKING:
    from typing import BinaryIO


class Layout:
    """A layout in the making: :meth:`finish` puts it in place, :meth:`abandon` leaves no trace of it.

    Raises:
        RegtoolsError: ``into-not-empty`` if ``target`` holds anything; ``file-unwritable``.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        import tempfile

        self._target = os.fspath(target)
        parent, name = os.path.split(os.path.abspath(target))
        try:
            if os.path.exists(target) and (not os.path.isdir(target) or os.listdir(target)):
                hint = "name a folder that does not exist, or an empty one"
                message = "it exists and is not an empty folder"
                raise pull_error("into-not-empty", message, hint, file=target)
            self._folder = tempfile.TemporaryDirectory(
                prefix=f".{name}.", suffix=".partial", dir=parent, ignore_cleanup_errors=True
            )
            self._beside = self._folder.name
            os.mkdir(f"{self._beside}/blobs")
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def keep(self, blob: Blob) -> Iterator[BinaryIO]:
        """Open the file of a blob for writing and reading.

        Raises:
            RegtoolsError: kind ``disk``: it cannot be written.
        """
        try:
            with open(self._path(blob.digest), "wb+") as file:
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

        Raises:
            RegtoolsError: kind ``file-unwritable``.

        Source: OCI image layout specification 1.1.
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
            files = {
                self._path(image.digest): image.raw,
                f"{self._beside}/index.json": json.dumps(index).encode(),
                f"{self._beside}/oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            }
            for path, data in files.items():
                with open(path, "wb") as file:
                    file.write(data)
            os.chmod(self._beside, 0o755)  # a temporary folder is private
            os.rename(self._beside, self._target)
        except OSError as error:
            raise self._unwritable(error) from error

    def abandon(self) -> None:
        """Remove everything that is not in place."""
        self._folder.cleanup()

    def _path(self, digest: str) -> str:
        algorithm, _, name = digest.partition(":")  # both are checked: they contain no path
        folder = f"{self._beside}/blobs/{algorithm}"
        os.makedirs(folder, exist_ok=True)
        return f"{folder}/{name}"

    def _unwritable(self, error: OSError) -> RegtoolsError:
        return unwritable(self._target, error, what="the layout", stage="pull")
