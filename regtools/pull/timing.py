"""``time_pull``: from a name to a measured pull, source by source as podman walks them.

A candidate's sources are tried in order until one delivers a manifest; that one delivers the blobs, too, and
with podman 6 the next ones those that it does not (:mod:`.sources`). If a blob fails for good, the candidate
has failed, and the next candidate is tried. A source with a successor is asked once; only a candidate's last
source is asked again when its failure may pass, where podman would repeat the whole candidate.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import pycurl

from regtools.errors import RegtoolsError
from regtools.reference import Reference
from regtools.version import __version__

from .failover import Failover, open_source
from .http.fetch import Lane
from .http.transport import Client, Limits
from .manifests import host_platform, parse_platform
from .recorder import Run, Usage, other_cpu, utc
from .records import Failure, Pull
from .repository import discard, pull_blobs

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Any

    from regtools.registries.conf import RegistriesConf
    from regtools.registries.resolution import Candidate, Resolution, Source

    from .failover import Open
    from .layout import Layout
    from .manifests import Image, Platform
    from .meter import Meter
    from .repository import Keep, Repository

__all__ = ["CLIENT_VERSION", "time_pull", "time_resolution"]

CLIENT_VERSION = f"{__version__} libcurl/{pycurl.version_info()[1]}"
_MOST_WORKERS = 64


def time_pull(
    image: str,
    conf: RegistriesConf | None = None,
    *,
    platform: str | None = None,
    workers: int = 4,
    into: str | os.PathLike[str] | None = None,
    place: str = "",
    limits: Limits | None = None,
    engine: str = "builtin",
    timeout_s: float | None = None,
    meter: Meter | None = None,
) -> Pull:
    """Pull an image over the network, verify every byte of it, and tell where the time went.

    Logins and certificates are those that podman would use (containers-auth.json(5), containers-certs.d(5)).
    Nothing is kept unless ``into`` is given; no image store is read or changed. Every pull opens its own
    connections, so it is cold on this side.

    Arguments:
        image: name as podman would be given it; short names are resolved by ``conf``.
        conf: the configuration; None reads the files that podman would read here.
        platform: ``os/architecture[/variant]``; None for Linux on this machine's architecture.
        workers: blobs fetched at the same time, each over a connection of its own.
        into: a folder that does not exist yet or is empty; becomes an OCI image layout, whole or not at all.
        place: a name for what is measured, for comparing.
        limits: time and repetition limits; None for :class:`~regtools.pull.http.transport.Limits` as it is.
        engine: ``builtin``, or ``podman`` or ``skopeo``: the program itself, into storage of its own that is
            empty before and gone afterwards. They have no use for ``workers``, ``into`` and ``limits``.
        timeout_s: seconds after which podman or skopeo is killed; None for half an hour.
        meter: is told how far the pull is, for whoever shows it.

    Returns: a :class:`~regtools.pull.records.Pull`; a pull that fails on the network is one, too, with
        ``ok`` False.

    Raises:
        RegtoolsError: the name or the configuration is wrong, ``into`` is not usable, or the program is
            missing.
        ValueError: ``workers`` is out of range.
    """
    if not 1 <= workers <= _MOST_WORKERS:
        raise ValueError(f"workers must be 1 to {_MOST_WORKERS}, not {workers}")
    wanted = host_platform() if platform is None else parse_platform(platform)
    if conf is None:
        from regtools.registries.conf import RegistriesConf

        conf = RegistriesConf.load()
    resolution = conf.resolve(image)
    if engine != "builtin":
        return _by_program(engine, image, conf, resolution, wanted, into, place, timeout_s)
    layout = None if into is None else _layout(into)
    try:
        walk = _Walk(resolution, wanted, workers, layout, limits or Limits(), meter)
        return walk.measured(image, place)
    finally:
        if layout is not None:
            layout.abandon()


def time_resolution(
    resolution: Resolution,
    *,
    platform: Platform | None = None,
    workers: int = 4,
    limits: Limits | None = None,
    meter: Meter | None = None,
) -> Pull:
    """Pull what a name means, as :func:`time_pull` does, where the meaning is known or has been narrowed."""
    walk = _Walk(resolution, platform or host_platform(), workers, None, limits or Limits(), meter)
    return walk.measured(resolution.image, "")


def _by_program(
    engine: str,
    image: str,
    conf: RegistriesConf,
    resolution: Resolution,
    platform: Platform,
    into: str | os.PathLike[str] | None,
    place: str,
    timeout_s: float | None,
) -> Pull:
    from .engines.engine import TIMEOUT_S, time_engine

    if into is not None:
        raise RegtoolsError(
            f"{engine} keeps nothing here; only the builtin engine takes into", kind="usage", stage="pull"
        )
    limit = TIMEOUT_S if timeout_s is None else timeout_s
    return time_engine(engine, image, conf, resolution, platform, place=place, timeout_s=limit)


def _layout(into: str | os.PathLike[str]) -> Layout:
    from .layout import Layout

    return Layout(into)


class _Walk:
    """One pull from its first request to its row. The work is done by threads; the caller's waits.

    It waits so that Ctrl-C is answered at once: libcurl would hold it back until the next byte.
    """

    def __init__(
        self,
        resolution: Resolution,
        platform: Platform,
        workers: int,
        layout: Layout | None,
        limits: Limits,
        meter: Meter | None = None,
    ) -> None:
        self._resolution = resolution
        self._platform = platform
        self._workers = workers
        self._layout = layout
        self._meter = meter
        self._attempts: list[str] = []
        self._failures: list[Failure] = []
        self._failed: set[tuple[int, str]] = set()
        self._lock = threading.Lock()
        self._won: tuple[Candidate, Source] | None = None
        self._image: Image | None = None
        self._unforeseen: list[BaseException] = []
        self._before = Usage.now()
        self._started = time.time()
        self._run = Run(limits)

    def measured(self, image: str, place: str) -> Pull:
        """Do it, and give the row."""
        worker = threading.Thread(target=self._work, name="regtools-pull", daemon=True)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.2)  # in turns: a signal that another thread took would not wake a longer wait
        except BaseException:
            self._run.cancel()
            worker.join()
            raise
        if self._unforeseen:
            raise self._unforeseen[0]
        return self._pull(image, place)

    def _work(self) -> None:
        lanes = [
            Lane(
                number,
                Client(
                    self._run.origin,
                    limits=self._run.limits,
                    cancelled=lambda: self._run.stopped,
                    environ=self._resolution.conf.surroundings.environ,
                ),
                self._run,
            )
            for number in range(self._workers)
        ]
        try:
            for candidate in self._resolution.candidates:
                if self._candidate(candidate, lanes):
                    break
        except BaseException as error:  # goes to the caller's thread
            self._unforeseen.append(error)
        finally:
            self._spent = self._run.stages()
            self._total_s = self._run.ended_s
            for lane in lanes:
                lane.client.close()

    def _candidate(self, candidate: Candidate, lanes: list[Lane]) -> bool:
        """Try one candidate; give whether the walk is over."""
        if candidate.error is not None:
            self._failures.append(Failure(candidate.name, candidate.error.kind, candidate.error.message))
            return False
        for number, source in enumerate(candidate.sources):
            later = candidate.sources[number + 1 :]
            self._image = None
            attempt = self._begin(source)
            self._run.next_attempt(attempt)
            if self._meter is not None:
                self._meter.begin(source.reference)
            try:
                repository = self._manifest(source, lanes[0], later)
            except RegtoolsError as error:
                self._fail(attempt, error)
                if self._run.cancelled:
                    return True
                continue
            try:
                self._blobs(Failover(repository, attempt, self._further(later), self._fail), lanes, candidate)
            except RegtoolsError as error:
                self._fail(attempt, error)
                return self._run.cancelled or error.kind in ("disk", "file-unwritable")
            self._won = (candidate, source)
            return True
        return False

    def _manifest(self, source: Source, lane: Lane, later: Sequence[Source]) -> Repository:
        self._run.enter("auth")
        conf = self._resolution.conf
        moves_on = conf.release.blobs_move_on and bool(later)
        repository = open_source(conf, source, lane, patient=not later, patient_blobs=not moves_on)
        self._run.enter("manifest")
        name = Reference.parse(source.reference)
        self._image = repository.image(lane, name.digest or name.tag or "latest", self._platform)
        return repository

    def _further(self, later: Sequence[Source]) -> Open:
        """Give what opens the following sources one after the other, for blobs."""
        left = deque(later if self._resolution.conf.release.blobs_move_on else ())

        def opens(lane: Lane) -> tuple[Repository, int] | None:
            while left:
                source = left.popleft()
                attempt = self._begin(source)
                try:
                    ask = replace(lane, attempt=attempt)
                    conf = self._resolution.conf
                    return open_source(conf, source, ask, patient=not left, patient_blobs=not left), attempt
                except RegtoolsError as error:
                    self._fail(attempt, error)
            return None

        return opens

    def _blobs(self, source: Failover, lanes: list[Lane], candidate: Candidate) -> None:
        assert self._image is not None
        self._run.enter("transfer")
        keep: Keep = discard if self._layout is None else self._layout.keep
        if self._meter is not None:
            self._meter.expect(self._image)
            keep = self._meter.counting(keep)
        pull_blobs(source.blob, lanes, self._image.blobs, keep)
        if self._layout is not None:
            self._layout.finish(self._image, Reference.parse(candidate.name).tag)

    def _begin(self, source: Source) -> int:
        """Count a source among the attempts; give its number."""
        self._attempts.append(source.reference)
        return len(self._attempts) - 1

    def _fail(self, attempt: int, error: RegtoolsError) -> None:
        """Keep why a source did not deliver; once is enough where it fails one blob after the other."""
        if error.kind == "cancelled" and not self._run.cancelled:
            return  # stopped because another blob failed: that failure is the reason
        with self._lock:
            if (attempt, error.kind) not in self._failed:
                self._failed.add((attempt, error.kind))
                text = self._run.discreet(error.message)
                self._failures.append(Failure(self._attempts[attempt], error.kind, text))

    def _pull(self, image: str, place: str) -> Pull:
        run, after, manifest = self._run, Usage.now(), self._image
        requests = run.requests()
        blobs = [each for each in requests if each.kind == "blob"]
        layers = {blob.digest: blob.size for blob in manifest.layers} if manifest else {}
        ok = self._won is not None
        return Pull(
            run_id=run.id,
            vantage="",
            round=None,
            order=None,
            started_at=utc(self._started),
            place=place,
            image=image,
            reference=self._won[0].name if self._won else None,
            digest=manifest.digest if manifest else None,
            client="builtin",
            client_version=CLIENT_VERSION,
            workers=self._workers,
            cache_state="unknown",
            n_layers=len(manifest.layers) if manifest else None,
            bytes_declared=sum(layers.values()) if manifest else None,
            bytes_fetched=sum(each.bytes for each in blobs),
            n_requests=len(requests),
            n_retries=run.retries,
            **{f"{stage}_s": value for stage, value in self._spent.items()},
            ttfb_s=_first_byte(blobs),
            hash_cpu_s=run.hash_cpu_s,
            total_s=self._total_s,
            cpu_user_s=after.user_s - self._before.user_s,
            cpu_sys_s=after.sys_s - self._before.sys_s,
            max_rss_kb=after.max_rss_kb,
            other_cpu=other_cpu(self._before, after),
            ok=ok,
            error_kind=None if ok else self._failures[-1].kind if self._failures else "no-candidates",
            served_by=self._won[1].reference if self._won else None,
            attempts=tuple(self._attempts),
            requests=requests,
            failures=tuple(self._failures),
        )


def _first_byte(blobs: list[Any]) -> float | None:
    """Give the first blob's time from its request to its first byte, connecting included."""
    for each in blobs:
        if each.status in (200, 206) and each.body_s is not None:
            return float(each.total_s - each.body_s)
    return None
