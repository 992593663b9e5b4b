"""Fetch an image from one repository of one registry (OCI distribution specification).

A :class:`Repository` is one source of a resolution. It is asked in podman's order: ``/v2/``, a token if a 401
asks for one, the manifest (through an index if there is one), then the blobs in parallel.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from urllib.parse import quote_plus

from regtools.display import visible
from regtools.errors import RegtoolsError
from regtools.reference import Reference, physical_host
from regtools.values import TYPE_CHECKING

from .hints import login_hint
from .http.fetch import Lane, fetch, renew, web_page
from .http.logins import Login
from .http.receiving import Body, Wanted
from .http.tokens import Authorizer
from .http.transport import Exchange
from .http.trust import Trust
from .http.values import pull_error, read_url
from .manifests import ACCEPT, Blob, Image, Index, Platform, choose, read_manifest

if TYPE_CHECKING:
    from typing import BinaryIO

FetchBlob = Callable[[Lane, Blob, "BinaryIO | None"], None]
Keep = Callable[[Blob], AbstractContextManager["BinaryIO | None"]]


DOCUMENT_LIMIT = 4 << 20  # bytes of a manifest or a config
_ALONE = " (no login was found for it)"
INDEX_DEPTH = 4  # an index may lead to an index; real ones are not nested deeper


class Repository:
    """A repository at one registry.

    Args:
        name: the image's full name there.
        schemes: in the order in which they are tried: podman tries https and then http where that is allowed.
        trust: certificates for the connection.
        login: for a registry that asks for one; None for an anonymous pull.
        patient: whether to repeat a request after a failure that may be temporary.
        patient_blobs: the same for blobs.
        namespace: what is sent as ``?ns=`` with requests for manifests and blobs; empty for none.

    Attributes:
        refused: whether the registry has refused the login.
    """

    def __init__(
        self,
        name: Reference,
        *,
        schemes: tuple[str, ...],
        trust: Trust,
        login: Login | None,
        patient: bool,
        patient_blobs: bool,
        namespace: str = "",
    ) -> None:
        self.name = name
        self.schemes = schemes
        self.trust = trust
        self.login = login
        self.patient = patient
        self.patient_blobs = patient_blobs
        self.namespace = namespace
        self.refused = False
        self._base = ""  # scheme and host
        self._authorizer: Authorizer | None = None

    def open(self, lane: Lane) -> None:
        """Ping the registry, and get a token if it asks for one.

        Raises:
            RegtoolsError: stage ``pull``, kinds ``connect``, ``certificate``, ``http-401`` and the like.
        """
        self.ping(lane)
        self.authorize(lane)

    def ping(self, lane: Lane) -> None:
        """Find out whether the registry answers over https or http, and what login it asks for.

        Raises:
            RegtoolsError: the failure over http if that was tried; its message includes the one over https.
        """
        scheme, *more = self.schemes
        try:
            answer = self._ping(lane, scheme, self.patient and not more)
        except RegtoolsError as first:
            if not more or first.kind == "cancelled":
                raise
            try:
                answer = self._ping(lane, more[0], self.patient)
            except RegtoolsError as second:
                second.message = f"{second.message} (and over {scheme}: {first.message})"
                raise second from first
        here = read_url(self._base)
        self._authorizer = Authorizer(here, f"repository:{self.name.path}:pull", self.login)
        if answer.status == 401 and answer.wire["url_host"] == here.shown:  # not the target of a redirect
            self._authorizer.challenge(answer.headers.get("www-authenticate", ""))

    def _ping(self, lane: Lane, scheme: str, patient: bool) -> Exchange:
        self._base = f"{scheme}://{physical_host(self.name.domain or '')}"
        wanted = Wanted("ping", f"{self._base}/v2/", limit=1 << 16, patient=patient)
        return fetch(lane, wanted, Body(wanted), self.trust)

    @contextmanager
    def _about_login(self) -> Iterator[None]:
        """Add to a 401 or 403 what became of the login: refused, accepted but not enough, or not there."""
        try:
            yield
        except RegtoolsError as error:
            if error.kind == "http-404":  # registries hide private images from those who may not pull them
                sent = self._authorizer is not None and self._authorizer.header is not None
                error.message += f" (with the login from {self.login.where})" if self.login and sent else ""
            if error.kind in ("http-401", "http-403"):
                used = self._authorizer
                bearer = used is not None and used.challenged
                accepted = used is not None and (
                    used.header is not None if bearer else error.kind == "http-403"
                )
                fate = "was accepted, but may not pull this image" if accepted else "was refused"
                error.message += f" (the login from {self.login.where} {fate})" if self.login else _ALONE
                error.hint = login_hint(self.login, self.name.domain or "", accepted=accepted)
                self.refused = self.login is not None and not accepted
            raise

    def is_public(self, lane: Lane, platform: Platform) -> bool:
        """Return whether the image is delivered without a login, as far as its manifest goes."""
        anonymous = Repository(
            self.name,
            schemes=self.schemes,
            trust=self.trust,
            login=None,
            patient=False,
            patient_blobs=False,
            namespace=self.namespace,
        )
        try:
            anonymous.open(lane)
            anonymous.image(lane, platform)
        except RegtoolsError:
            return False
        return True

    def authorize(self, lane: Lane) -> None:
        """Get the token that the ping's 401 asked for, before it is needed."""
        if self._authorizer is not None and self._authorizer.challenged:
            wanted = Wanted("token", self._base, patient=self.patient)
            with self._about_login():
                renew(lane, self._authorizer, "", self.trust, wanted, stale=None)

    def image(self, lane: Lane, platform: Platform) -> Image:
        """Fetch the manifest; of an index, the manifest of the member for ``platform``.

        Raises:
            RegtoolsError: ``http-404``, ``digest-mismatch``, ``bad-manifest``, ``no-platform`` and the like.
        """
        reference, size, index = self.name.digest or self.name.tag or "latest", None, None
        for _ in range(INDEX_DEPTH):
            found = self._manifest(lane, reference, size)
            if isinstance(found, Image):
                return found._replace(index_digest=index)
            index = index or found.digest
            member = choose(found.members, platform)
            if member is None:
                have = sorted({_platform_of(each) for each in found.members} - {""})
                hint = f"it exists for {', '.join(have)}" if have else None
                raise pull_error("no-platform", f"the image does not exist for {platform}", hint)
            reference, size = member["digest"], member["size"]
        raise pull_error("bad-manifest", "the index names an index, and so on: nested too deeply")

    def _manifest(self, lane: Lane, reference: str, size: int | None) -> Image | Index:
        _check_size("manifest", size)
        url = self._url(f"manifests/{reference}")
        digest = reference if ":" in reference else None
        wanted = Wanted("manifest", url, digest, size, DOCUMENT_LIMIT, accept=ACCEPT, patient=self.patient)
        kept = BytesIO()
        body = Body(wanted, kept)
        with self._about_login():
            answer = fetch(lane, wanted, body, self.trust, self._authorizer)
        raw, content_type = kept.getvalue(), answer.headers.get("content-type", "")
        if page := web_page(content_type, raw):
            raise pull_error("not-a-registry", f"it answers with {visible(page)}, not with a manifest")
        return read_manifest(raw, content_type, body.hashed())

    def _url(self, document: str) -> str:
        query = f"?ns={quote_plus(self.namespace)}" if self.namespace else ""
        return f"{self._base}/v2/{self.name.path}/{document}{query}"

    def blob(self, lane: Lane, blob: Blob, keep: BinaryIO | None) -> None:
        """Fetch and verify a config or a layer; write it to ``keep`` if that is not None.

        A foreign layer is fetched from its own address, without a token.

        Raises:
            RegtoolsError: stage ``pull``; the source does not deliver the blob, or delivers other bytes.
        """
        kind = "config" if blob.layer is None else "blob"
        if kind == "config":
            _check_size(kind, blob.size)
        url = self._url(f"blobs/{blob.digest}")
        authorizer, trust = self._authorizer, self.trust
        if blob.urls:
            url, authorizer, trust = blob.urls[0], None, Trust()
            if read_url(url).scheme != "https":
                what = f"the foreign layer {blob.digest[:19]}…"
                raise pull_error("bad-url", f"{what} does not have an https address")
        patient = self.patient_blobs or bool(blob.urls)
        wanted = Wanted(kind, url, blob.digest, blob.size, layer=blob.layer, patient=patient)
        body = Body(wanted, keep, None if blob.layer is None else lane.run.meter)
        try:
            with self._about_login():
                fetch(lane, wanted, body, trust, authorizer)
        finally:
            lane.run.add_hash_time(body.cpu_s)


def discard(blob: Blob) -> AbstractContextManager[None]:
    """Keep nothing of a blob."""
    return nullcontext()


def _check_size(kind: str, size: int | None) -> None:
    if size is not None and size > DOCUMENT_LIMIT:
        raise pull_error("too-large", f"the {kind} has {size} bytes; at most 4 MiB are read")


def pull_blobs(
    fetch_blob: FetchBlob, lanes: Sequence[Lane], blobs: Sequence[Blob], keep: Keep = discard
) -> None:
    """Fetch blobs in parallel; each worker takes the next one, and the first failure stops all.

    Args:
        fetch_blob: fetches one blob.
        lanes: the workers; the first one works in the calling thread.
        blobs: what to fetch.
        keep: opens the file that a blob is written to, as a context manager.

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
            except BaseException as error:  # every failure must reach the caller's thread
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
