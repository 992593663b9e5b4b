"""Try the sources of one candidate in order, as podman does.

The first source that delivers the manifest also delivers the blobs, and if the manifest makes no sense the
candidate has failed. From podman 6.1 on, a blob that it does not deliver comes from the next source: after a
5xx (asked for twice), a timeout, and a 4xx whose error body has the code ``BLOB_UNKNOWN`` or
``TOOMANYREQUESTS``. Any other answer fails the candidate (a 429 without such a code is repeated before), and
so does a body that breaks after its first byte, which is resumed where it began.

The order of the sources is podman's, its pauses are not. Podman 6.1.1 asks again for a blob one second after
a 5xx; after a 429 it asks five times, which takes 30 seconds, before it moves on; and it repeats a failed
pull three times. A pull here asks again at once after a 5xx, moves on after the first 429, and is not
repeated, so that it measures the sources and not the pauses.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from regtools.errors import RegtoolsError
from regtools.registries.resolution import Source
from regtools.registries.settings import Settings
from regtools.values import TYPE_CHECKING

from .hints import hint_for
from .http.fetch import FetchError, Lane
from .http.logins import find_login
from .http.trust import find_trust, proxy_secrets
from .http.values import pull_error
from .manifests import Blob, Image, Platform
from .repository import Repository

if TYPE_CHECKING:
    from typing import BinaryIO

# What is wrong with a manifest that has arrived: podman asks no further source then.
FINAL = ("bad-manifest", "digest-mismatch", "no-platform", "not-a-registry", "unsupported-manifest")


def find_source(
    conf: Settings,
    source: Source,
    lane: Lane,
    *,
    patient: bool,
    patient_blobs: bool = True,
    plain: bool = False,
) -> Repository:
    """Find login and certificates for a source, before its first request.

    Args:
        conf: the configuration.
        source: the source.
        lane: the worker that will ask.
        patient, patient_blobs: see :class:`~regtools.pull.repository.Repository`.
        plain: whether to ask over http only.

    Raises:
        RegtoolsError: the source cannot be used: ``blocked``, ``credentials``, ``certificate``.
    """
    if source.blocked_by is not None:
        raise pull_error("blocked", f"blocked by the configuration of {source.blocked_by}")
    if source.hostless:
        raise pull_error("bad-url", f"no Host in request URL: podman reads {source.reference} as a path")
    lane.run.hide(*proxy_secrets(conf.surroundings.environ))
    login = find_login(conf, source.reference)
    if login is not None:
        lane.run.hide(login.password, login.identity_token, login.basic())
    schemes = ("http",) if plain else ("https", "http") if source.insecure else ("https",)
    return Repository(
        source.parsed,
        schemes=schemes,
        patient=patient,
        patient_blobs=patient_blobs,
        trust=find_trust(conf, source.reference, insecure=source.insecure),
        login=login,
        namespace=source.namespace_proxy,
    )


class Failover:
    """The sources of one candidate: those that are open, with their numbers, and those that are left.

    Args:
        conf: the configuration.
        sources: in the order in which they are tried.
        plain: whether to ask over http only.

    Attributes:
        refused: the number of each source whose login was refused, and its repository.
    """

    def __init__(self, conf: Settings, sources: Sequence[Source], *, plain: bool = False) -> None:
        self.refused: dict[int, Repository] = {}
        self._conf = conf
        self._plain = plain
        self._left = deque(sources)
        self._open: list[tuple[Repository, int]] = []
        self._lock = threading.Lock()

    def image(self, lane: Lane, platform: Platform) -> tuple[Image, Source, int] | None:
        """Fetch the manifest from the first source that delivers it; every other one is a failure of the run.

        A source with a successor is asked once; only the last one is asked again if its failure may be
        temporary, where podman would repeat the whole candidate.

        Returns:
            The manifest, its source and the number of that source; None if no source delivers it.
        """
        run = lane.run
        while self._left and not run.cancelled:
            source = self._left.popleft()
            attempt = run.begin(source.reference)
            run.meter.begin(source.reference)
            moves_on = self._conf.release.blobs_move_on and bool(self._left)
            asking, repository, opened = lane._replace(attempt=attempt), None, False
            try:
                run.enter("auth")
                repository = self._find(source, asking, patient_blobs=not moves_on)
                repository.open(asking)
                opened = True
                run.enter("manifest")
                image = repository.image(asking, platform)
            except Exception as error:
                self.fail(asking, source, error, repository)
                if opened and isinstance(error, RegtoolsError) and error.kind in FINAL:
                    self._left.clear()
                if run.failures[-1:] and run.failures[-1].kind == "resources":
                    run.cancel()  # the next source would fail in the same way
                continue
            self._open.append((repository, attempt))
            if not moves_on:
                self._left.clear()
            return image, source, attempt
        return None

    def blob(self, lane: Lane, blob: Blob, keep: BinaryIO | None) -> None:
        """Fetch one blob from the first source that delivers it.

        Raises:
            RegtoolsError: the failure of the first source, if no other one delivers the blob.
        """
        first: Exception | None = None
        number = 0
        while (found := self._source(number, lane)) is not None:
            repository, attempt = found
            try:
                repository.blob(lane._replace(attempt=attempt), blob, keep)
            except Exception as error:
                first = first or error
                leads_on = isinstance(error, FetchError) and error.elsewhere and not blob.urls
                if leads_on or number:
                    lane.run.fail(attempt, error)
                if not leads_on:
                    break
            else:
                lane.run.meter.add(0, layers=int(blob.layer is not None))
                return
            number += 1
        assert first is not None  # there is a first source
        raise first

    def _source(self, number: int, lane: Lane) -> tuple[Repository, int] | None:
        """Return an open source; open the next one if none has that number yet, or None if none is left."""
        with self._lock:  # one worker opens a source, the others wait for it
            while number == len(self._open) and self._left:
                source = self._left.popleft()
                attempt = lane.run.begin(source.reference)
                asking, repository = lane._replace(attempt=attempt), None
                try:
                    repository = self._find(source, asking, patient_blobs=not self._left)
                    repository.open(asking)
                    self._open.append((repository, attempt))
                except Exception as error:
                    self.fail(asking, source, error, repository)
            return self._open[number] if number < len(self._open) else None

    def _find(self, source: Source, lane: Lane, *, patient_blobs: bool) -> Repository:
        last = not self._left
        return find_source(
            self._conf, source, lane, patient=last, patient_blobs=patient_blobs, plain=self._plain
        )

    def fail(
        self, lane: Lane, source: Source, error: Exception, repository: Repository | None = None
    ) -> None:
        """Record why a source did not deliver, with the cure that concerns this source.

        Args:
            lane: the worker that asked, with the source's number.
            source: the source.
            error: how it failed.
            repository: the source, if its login and certificates were found.
        """
        if repository is not None and repository.refused:
            self.refused[lane.attempt] = repository
        if isinstance(error, RegtoolsError) and error.hint is None:
            error.hint = hint_for(error.kind, source)
        lane.run.fail(lane.attempt, error)
