"""One registry, one repository: ping, token, manifest, config and blobs (OCI distribution specification).

A :class:`Repository` is one source of a resolution. It is asked in podman's order: ``/v2/``, a token if
that is what a 401 asks for, the manifest (through an index, if need be), then the blobs in parallel.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager, nullcontext
from io import BytesIO
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from .http.fetch import fetch, renew
from .http.receiving import Body, Wanted
from .http.tokens import Authorizer
from .http.trust import Trust
from .manifests import ACCEPT, Image, choose, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from .http.fetch import Lane
    from .http.logins import Login
    from .http.transport import Exchange
    from .manifests import Blob, Index, Platform

__all__ = ["Repository", "discard", "pull_blobs"]

if TYPE_CHECKING:
    FetchBlob = Callable[[Lane, Blob, BinaryIO | None], None]
    Keep = Callable[[Blob], AbstractContextManager[BinaryIO | None]]

MANIFEST_LIMIT = 4 << 20
CONFIG_LIMIT = 4 << 20
INDEX_DEPTH = 4  # an index of indexes is allowed; nobody needs a deep one

# One name has another address (spec of docker.io); all others are contacted as they are written.
_PHYSICAL = {"docker.io": "registry-1.docker.io"}


class Repository:
    """A repository at one registry.

    Arguments:
        host: registry, with a port where one is written.
        path: repository below it.
        insecure: what podman means by it: https without verification first, then http.
        trust: whose certificates count; ``insecure`` says whether they are looked at.
        login: for a registry that asks for one; None is anonymous.
        patient: whether what may pass is asked for again; a source with a successor is not waited for.
        patient_blobs: the same of blobs, which not every podman asks the successor for.
    """

    def __init__(
        self,
        host: str,
        path: str,
        *,
        insecure: bool = False,
        patient: bool = True,
        patient_blobs: bool = True,
        trust: Trust | None = None,
        login: Login | None = None,
    ) -> None:
        self.host = _PHYSICAL.get(host, host)
        self.path = path
        self._insecure = insecure
        self._patient = patient
        self._patient_blobs = patient_blobs
        self._base = f"https://{self.host}"
        self._trust = Trust(verify=not insecure) if trust is None else trust
        self._login = login
        self._authorizer: Authorizer | None = None

    def ping(self, lane: Lane) -> None:
        """Find out how to speak to the registry, and get a token if it wants one.

        Raises:
            RegtoolsError: of the last way that was tried; its message tells of both.
        """
        try:
            answer = self._ping(lane, "https", self._patient and not self._insecure)
        except RegtoolsError as first:
            if not self._insecure or first.kind == "cancelled":
                raise
            try:
                answer = self._ping(lane, "http", self._patient)
            except RegtoolsError as second:
                second.message = f"{second.message} (and over https: {first.message})"
                raise second from first
        self._authorizer = Authorizer(self._base, f"repository:{self.path}:pull", self._login)
        if answer.status == 401 and answer.url_host == self.host:  # not from where it redirects to
            self._authorizer.challenge(answer.headers.get("www-authenticate", ""))

    def _ping(self, lane: Lane, scheme: str, patient: bool) -> Exchange:
        self._base = f"{scheme}://{self.host}"
        wanted = Wanted("ping", f"{self._base}/v2/", limit=1 << 16, patient=patient)
        return fetch(lane, wanted, Body(wanted), self._trust)

    @contextmanager
    def _about_login(self) -> Iterator[None]:
        """Say of a 401 which login was not enough, or that there was none."""
        try:
            yield
        except RegtoolsError as error:
            if error.kind == "http-401":
                used = self._login and f"the login from {self._login.where} was not enough"
                error.message += f" ({used or 'no login for it was found; podman login would store one'})"
            raise

    def authorize(self, lane: Lane) -> None:
        """Get the token that the ping's 401 asked for, before it is needed."""
        if self._authorizer is not None and self._authorizer.challenged:
            wanted = Wanted("token", self._base, patient=self._patient)
            with self._about_login():
                renew(lane, self._authorizer, "", self._trust, wanted, stale=None)

    def image(self, lane: Lane, reference: str, platform: Platform) -> Image:
        """Fetch the manifest of a tag or a digest; an index leads on to the member for ``platform``.

        Raises:
            RegtoolsError: ``http-404``, ``digest-mismatch``, ``bad-manifest``, ``no-platform`` and the like.
        """
        size = None
        for _ in range(INDEX_DEPTH):
            found = self._manifest(lane, reference, size)
            if isinstance(found, Image):
                return found
            member = choose(found.members, platform)
            if member is None:
                have = sorted({_platform_of(each) for each in found.members} - {""})
                raise RegtoolsError(
                    f"the image is not there for {platform}",
                    kind="no-platform",
                    stage="pull",
                    hint=f"it is there for {', '.join(have)}" if have else None,
                )
            reference, size = member["digest"], member["size"]
        raise RegtoolsError("the index leads to an index again and again", kind="bad-manifest", stage="pull")

    def _manifest(self, lane: Lane, reference: str, size: int | None) -> Image | Index:
        if size is not None and size > MANIFEST_LIMIT:
            raise RegtoolsError(
                f"the manifest has {size} bytes; at most 4 MiB are read", kind="too-large", stage="pull"
            )
        url = f"{self._base}/v2/{self.path}/manifests/{reference}"
        digest = reference if ":" in reference else None
        wanted = Wanted("manifest", url, digest, size, MANIFEST_LIMIT, accept=ACCEPT, patient=self._patient)
        kept = BytesIO()
        body = Body(wanted, kept)
        with self._about_login():
            answer = fetch(lane, wanted, body, self._trust, self._authorizer)
        return read_manifest(kept.getvalue(), answer.headers.get("content-type", ""), body.hashed())

    def blob(self, lane: Lane, blob: Blob, keep: BinaryIO | None) -> None:
        """Fetch and verify a config or a layer, into ``keep`` or into nothing.

        A foreign layer comes from its own address, without a token.
        """
        kind = "config" if blob.layer is None else "blob"
        if kind == "config" and blob.size > CONFIG_LIMIT:
            raise RegtoolsError(
                f"the config has {blob.size} bytes; at most 4 MiB are read", kind="too-large", stage="pull"
            )
        url = f"{self._base}/v2/{self.path}/blobs/{blob.digest}"
        authorizer, trust = self._authorizer, self._trust
        if blob.urls:
            url, authorizer, trust = blob.urls[0], None, Trust()
            if not url.startswith("https://"):
                raise RegtoolsError(
                    f"the layer {blob.digest[:19]}… is foreign, and not at an https address",
                    kind="bad-url",
                    stage="pull",
                )
        patient = self._patient_blobs or bool(blob.urls)
        wanted = Wanted(kind, url, blob.digest, blob.size, layer=blob.layer, patient=patient)
        body = Body(wanted, keep)
        try:
            with self._about_login():
                fetch(lane, wanted, body, trust, authorizer)
        finally:
            lane.run.add_hash_time(body.cpu_s)


def discard(blob: Blob) -> AbstractContextManager[None]:
    """Keep nothing of a blob."""
    return nullcontext()


def pull_blobs(
    fetch_blob: FetchBlob, lanes: Sequence[Lane], blobs: Sequence[Blob], keep: Keep = discard
) -> None:
    """Fetch blobs in parallel, each worker the next one that nobody has; the first failure stops all.

    Arguments:
        fetch_blob: fetches one, for instance :meth:`Repository.blob`.
        lanes: one for each worker; the first works in the calling thread.
        keep: opens what a blob is written to, as a context manager.

    Raises:
        RegtoolsError: the failure that came first.
    """
    jobs = deque(blobs)
    failures: list[BaseException] = []

    def work(lane: Lane) -> None:
        for blob in _each(jobs):
            try:
                with keep(blob) as target:
                    fetch_blob(lane, blob, target)
            except BaseException as error:  # also what nobody foresaw must reach the caller's thread
                failures.append(error)
                jobs.clear()
                lane.run.stop()

    helpers = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in lanes[1 : len(blobs)]]
    for helper in helpers:
        helper.start()
    work(lanes[0])
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]


def _each(jobs: deque[Blob]) -> Iterator[Blob]:
    while True:
        try:
            yield jobs.popleft()
        except IndexError:
            return


def _platform_of(member: dict[str, object]) -> str:
    given = member.get("platform")
    if not isinstance(given, dict) or given.get("os") == "unknown":
        return ""
    parts = (given.get(name) for name in ("os", "architecture", "variant"))
    return "/".join(str(part) for part in parts if part)
