"""Measure one pull: from a name to a row, source by source as podman tries them.

The sources of a candidate are tried in order until one delivers (:mod:`.failover`). If its blobs cannot be
had, the candidate has failed, and the next candidate is tried.
"""

from __future__ import annotations

import os
import threading

from regtools.registries.conf import RegistriesConf
from regtools.registries.resolution import Candidate, Resolution
from regtools.version import __version__

from .failover import Failover
from .hints import public_hint
from .http.curl import pycurl
from .http.fetch import Lane
from .http.transport import Client, Limits
from .http.values import exhausted, pull_error
from .layout import Layout
from .manifests import Image, Platform, host_platform, parse_platform
from .meter import Meter
from .recorder import Run, Usage, conclude
from .records import Failure, Pull, Request
from .repository import Repository, discard, pull_blobs

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
    tls_verify: bool | None = None,
    plain_http: bool = False,
) -> Pull:
    """Pull an image over the network, verify every byte of it, and measure where the time goes.

    Logins and certificates are those that podman would use (containers-auth.json(5), containers-certs.d(5)).
    Nothing is kept unless ``into`` is set; no image store is read or changed. Every pull opens its own
    connections.

    Args:
        image: name as you would pass it to podman; short names are resolved by ``conf``.
        conf: the configuration; None reads the files that podman would read here.
        platform: ``os/architecture[/variant]``; None for Linux on this machine's architecture.
        workers: number of blobs fetched at the same time, each over its own connection.
        into: a folder that is empty or does not exist; it becomes an OCI image layout, whole or not at all.
        place: name of what is measured, for comparisons.
        limits: limits of time and repetition; None for the defaults of
            :class:`~regtools.pull.http.transport.Limits`.
        engine: ``builtin``, or ``podman`` or ``skopeo`` to run that program with empty storage of its own,
            which
            is removed afterwards. ``workers``, ``into`` and ``limits`` do not apply to them.
        timeout_s: seconds after which podman or skopeo is killed; None for half an hour.
        meter: counts the progress of the pull, for a progress bar.
        tls_verify: for this pull: False asks every source over https unverified, then over http; True asks
            over https only; None as configured.
        plain_http: for this pull: ask every source over http only; a login is sent unencrypted.

    Returns:
        A :class:`~regtools.pull.records.Pull`. If the pull fails on the network, its ``ok`` is False.

    Raises:
        RegtoolsError: the name or the configuration is wrong, ``into`` cannot be used, or the program is
            missing.
        ValueError: ``workers`` is out of range, or ``plain_http`` is combined with ``tls_verify`` or an
            engine.
    """
    if plain_http and (tls_verify or engine != "builtin"):
        raise ValueError("plain_http is for the builtin engine, and without tls_verify")
    if not 1 <= workers <= _MOST_WORKERS:
        raise ValueError(f"workers must be 1 to {_MOST_WORKERS}, not {workers}")
    wanted = host_platform() if platform is None else parse_platform(platform)
    conf = RegistriesConf.load() if conf is None else conf
    resolution = conf.resolve(image)
    if engine != "builtin":
        from .engines.engine import time_engine

        if into is not None:
            raise pull_error("usage", f"{engine} does not keep the image; only the builtin engine takes into")
        given = (engine, image, conf, resolution, wanted)
        return time_engine(*given, place=place, timeout_s=timeout_s, tls_verify=tls_verify)
    layout = None if into is None else Layout(into)
    try:
        run = Run(limits or Limits(), meter)
        asked = _verified(resolution, tls_verify)
        return _Walk(asked, wanted, workers, run, layout, plain_http).measured(image, place)
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
    tls_verify: bool | None = None,
    plain_http: bool = False,
) -> Pull:
    """Pull an image whose resolution is known, or has been narrowed; otherwise like :func:`time_pull`.

    Args:
        resolution: the candidates and their sources, tried in this order.
        platform: which image of an index; None for this machine's platform.
        workers: number of layers that are fetched at the same time.
        limits: timeouts and retries; None for the defaults.
        meter: shows progress while the pull runs.
        tls_verify, plain_http: as for :func:`time_pull`.
    """
    run, wanted = Run(limits or Limits(), meter), platform or host_platform()
    asked = _verified(resolution, tls_verify)
    return _Walk(asked, wanted, workers, run, plain=plain_http).measured(resolution.image, "")


def _verified(resolution: Resolution, verify: bool | None) -> Resolution:
    """Return a resolution whose sources are all verified, or none; unchanged for None."""
    if verify is None:
        return resolution
    candidates = (
        each.replace(sources=tuple(source.replace(insecure=not verify) for source in each.sources))
        for each in resolution.candidates
    )
    return resolution.replace(candidates=tuple(candidates))


class _Walk:
    """One pull from its first request to its row.

    It runs in a background thread so that the caller can handle Ctrl-C, which libcurl would delay until the
    next byte arrives.
    """

    def __init__(
        self,
        resolution: Resolution,
        platform: Platform,
        workers: int,
        run: Run,
        layout: Layout | None = None,
        plain: bool = False,
    ) -> None:
        self.resolution = resolution
        self.platform = platform
        self.workers = workers
        self.run = run
        self.layout = layout
        self.plain = plain
        self.refused: dict[int, Repository] = {}
        self.image: Image | None = None
        self.reference: str | None = None
        self.served_by: str | None = None
        self.unexpected: BaseException | None = None
        self.spent: dict[str, float] = {}
        self.before = Usage.now()

    def measured(self, image: str, place: str) -> Pull:
        """Run the pull and return its row."""
        worker = threading.Thread(target=self._work, name="regtools-pull", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:
            raise pull_error("resources", exhausted(error) or str(error)) from error
        try:
            while worker.is_alive():
                worker.join(0.2)  # in turns: a signal delivered to another thread does not end a longer wait
        except BaseException:
            self.run.cancel()
            worker.join()
            raise
        if self.unexpected is not None:
            raise self.unexpected
        return self._pull(image, place)

    def _work(self) -> None:
        run, around = self.run, self.resolution.conf.surroundings  # no variable holds the environment
        clients = [
            Client(run.origin, limits=run.limits, cancelled=lambda: run.stopped, environ=around.environ)
            for _ in range(self.workers)
        ]
        lanes = [Lane(number, client, run) for number, client in enumerate(clients)]
        try:
            for candidate in self.resolution.candidates:
                if self._candidate(candidate, lanes):
                    break
        except BaseException as error:  # raised again in the caller's thread
            self.unexpected = error
        finally:
            self.spent = run.stages()
            self._look_again(lanes[0])
            for client in clients:
                client.close()

    def _look_again(self, lane: Lane) -> None:
        """Find out, after the pull and outside its rows, whether a refused login was needed at all."""
        aside = lane._replace(run=Run(self.run.limits._replace(retries=0)))
        for attempt, repository in self.refused.items():
            if (
                repository.login is not None
                and not self.run.stopped
                and repository.is_public(aside, self.platform)
            ):
                self.run.advise(attempt, public_hint(repository.login))

    def _candidate(self, candidate: Candidate, lanes: list[Lane]) -> bool:
        """Try one candidate; return whether the pull is over."""
        run = self.run
        if candidate.error is not None:
            run.give_up(Failure(candidate.name, candidate.error.kind, candidate.error.message))
            return False
        run.resume()
        self.image = None
        failover = Failover(self.resolution.conf, candidate.sources, plain=self.plain)
        found = failover.image(lanes[0], self.platform)
        self.refused |= failover.refused
        if found is None:
            return run.cancelled
        self.image, source, attempt = found
        try:
            self._blobs(failover, lanes, self.image, candidate)
        except Exception as error:
            failover.fail(lanes[0]._replace(attempt=attempt), source, error)
            return run.cancelled or run.failures[-1].kind in ("disk", "file-unwritable", "resources")
        self.reference, self.served_by = candidate.name, source.reference
        return True

    def _blobs(self, failover: Failover, lanes: list[Lane], image: Image, candidate: Candidate) -> None:
        self.run.enter("transfer")
        self.run.meter.expect(len({layer.digest for layer in image.layers}), image.layers_size)
        pull_blobs(failover.blob, lanes, image.blobs, discard if self.layout is None else self.layout.keep)
        if self.layout is not None:
            self.layout.finish(image, candidate.parsed.tag)

    def _pull(self, image: str, place: str) -> Pull:
        run, after = self.run, Usage.now()
        requests = run.requests()
        blobs = [each for each in requests if each.kind == "blob"]
        return conclude(
            before=self.before,
            after=after,
            manifest=self.image,
            ok=self.served_by is not None,
            failures=run.failures,
            run_id=run.id,
            place=place,
            image=image,
            asked_digest=self.resolution.pull.reference.digest,
            reference=self.reference,
            client="builtin",
            client_version=CLIENT_VERSION,
            workers=self.workers,
            bytes_fetched=sum(each.bytes for each in blobs),
            n_requests=len(requests),
            n_retries=run.retries,
            **{f"{stage}_s": value for stage, value in self.spent.items()},
            ttfb_s=_first_byte(blobs),
            hash_cpu_s=run.hash_cpu_s,
            client_cpu=run.transfer_cpu_s / busy if (busy := self.spent["transfer"]) > 0 else None,
            total_s=run.ended_s,
            cpu_user_s=after.user_s - self.before.user_s,
            cpu_sys_s=after.sys_s - self.before.sys_s,
            max_rss_kb=after.max_rss_kb,
            served_by=self.served_by,
            attempts=tuple(run.attempts),
            requests=requests,
        )


def _first_byte(blobs: list[Request]) -> float | None:
    """Return the time from the first blob's request to its first byte, including the connection."""
    for each in blobs:
        if each.status in (200, 206) and each.body_s is not None:
            return each.total_s - each.body_s
    return None
