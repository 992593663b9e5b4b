"""What a registry holds: repositories, tags, manifests and blobs, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .images import Content

__all__ = ["Store"]


class Store:
    """Images by repository. Read only, all in memory, each blob once per repository."""

    def __init__(self, contents: dict[str, Content]) -> None:
        self._contents = contents
        self.repositories = sorted(contents)

    def tags(self, repository: str) -> list[str]:
        """Give the tags of a repository that is there, in order."""
        return sorted(self._contents[repository].tags)

    def manifest(self, repository: str, reference: str) -> tuple[str, str, bytes] | None:
        """Find a manifest or an index by tag or digest; give digest, media type and bytes."""
        content = self._contents.get(repository)
        if content is None:
            return None
        digest = content.digest if reference in content.tags else reference
        found = content.manifests.get(digest)
        return found and (digest, *found)

    def blob(self, repository: str, digest: str) -> bytes | bytearray | None:
        """Find a config or a layer."""
        content = self._contents.get(repository)
        return content.blobs.get(digest) if content else None
