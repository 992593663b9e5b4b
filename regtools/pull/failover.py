"""Sources made ready, and left for the next one when they do not deliver.

The manifest's source delivers the blobs, too. With podman 6 (releases from the second half of 2026 on), what
it does not deliver comes from the candidate's next source: after 5xx, 429, a timeout, or where the blob is
not there. Other answers end the candidate, and so does a body that broke after its first byte, which is
resumed where it began.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.reference import Reference, physical_host

from .http.fetch import FetchError
from .http.logins import find_login
from .http.trust import find_trust
from .repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from regtools.registries.resolution import Source
    from regtools.registries.settings import Settings

    from .http.fetch import Lane
    from .manifests import Blob

__all__ = ["Failover", "open_source"]

if TYPE_CHECKING:
    Open = Callable[[Lane], tuple[Repository, int] | None]


def open_source(
    conf: Settings, source: Source, lane: Lane, *, patient: bool, patient_blobs: bool = True
) -> Repository:
    """Look up login and certificates for a source, ping it, and get a token if it wants one.

    Arguments:
        patient, patient_blobs: as of :class:`~regtools.pull.repository.Repository`.

    Raises:
        RegtoolsError: why it cannot be asked for an image: ``blocked``, ``credentials``, ``connect``, …
    """
    if source.blocked_by is not None:
        message = f"blocked by the configuration of {source.blocked_by}"
        raise RegtoolsError(message, kind="blocked", stage="pull")
    name = Reference.parse(source.reference)
    login = find_login(conf, source.reference)
    if login is not None:
        lane.run.hide(login.password, login.identity_token, login.basic())
    repository = Repository(
        physical_host(name.domain or ""),
        name.path,
        insecure=source.insecure,
        patient=patient,
        patient_blobs=patient_blobs,
        trust=find_trust(conf, source.reference, insecure=source.insecure),
        login=login,
    )
    repository.ping(lane)
    repository.authorize(lane)
    return repository


class Failover:
    """Fetches blobs from one repository, and what it fails to deliver from those after it.

    Arguments:
        first: the repository that delivered the manifest.
        attempt: its number.
        opens: gives the next repository, ready to be asked; raises where that one is not.
        failed: told of the sources that did not deliver, with their attempts' numbers.
    """

    def __init__(
        self, first: Repository, attempt: int, opens: Open, failed: Callable[[int, RegtoolsError], None]
    ) -> None:
        self._open = [(first, attempt)]
        self._opens = opens
        self._failed = failed
        self._lock = threading.Lock()

    def blob(self, lane: Lane, blob: Blob, keep: BinaryIO | None) -> None:
        """Fetch one blob from the first source that delivers it.

        Raises:
            RegtoolsError: of the first source, if no other delivers it either.
        """
        first: RegtoolsError | None = None
        number = 0
        while (found := self._source(number, lane)) is not None:
            repository, attempt = found
            try:
                repository.blob(replace(lane, attempt=attempt), blob, keep)
            except RegtoolsError as error:
                first = first or error
                leads_on = isinstance(error, FetchError) and error.elsewhere and not blob.urls
                if leads_on or (number and error.kind != "cancelled"):
                    self._failed(attempt, error)
                if not leads_on:
                    raise
            else:
                return
            number += 1
        assert first is not None  # there is a first source
        raise first

    def _source(self, number: int, lane: Lane) -> tuple[Repository, int] | None:
        with self._lock:  # one worker opens a source, the others wait for it
            if number == len(self._open):
                found = self._opens(lane)
                if found is None:
                    return None
                self._open.append(found)
            return self._open[number]
