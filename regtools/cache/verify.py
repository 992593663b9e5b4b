"""Whether a cache does what it is for: the same image pulled twice through it, and once by podman."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regtools.display import printable, size
from regtools.errors import RegtoolsError
from regtools.pull.engines.home import new_folder, remove_folder, storage_options
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from regtools.reference import Reference
from regtools.registries.conf import RegistriesConf

from .engines import last_line
from .settings import Settings, bad, failed
from .status import Traffic, read

SETTLE_S = 60.0  # for storing what the client has already
QUIET_S = 0.5  # without a change of the counters
PODMAN_S = 900.0


@dataclass(frozen=True, slots=True)
class Leg:
    """One pull through the cache: seconds, digest, the blobs' bytes to us and from the upstream."""

    total_s: float
    digest: str
    bytes_served: int
    bytes_fetched: int


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of ``verify``. ``podman`` is None if podman was not asked; its note says why."""

    image: str
    cold: Leg
    warm: Leg
    podman: bool | None
    podman_note: str

    @property
    def was_cold(self) -> bool:
        """Whether the first pull had to go to the upstream."""
        return self.cold.bytes_fetched > 0

    @property
    def same_digest(self) -> bool:
        """Whether both pulls delivered the same image."""
        return self.cold.digest == self.warm.digest

    @property
    def ok(self) -> bool:
        """Whether the cache caches: the second pull cost the upstream no blob, and podman went through it."""
        return self.same_digest and self.warm.bytes_fetched == 0 and self.podman is not False

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {"format": 1, **asdict(self), "same_digest": self.same_digest, "ok": self.ok}

    def __str__(self) -> str:
        first = f"first ({'cold' if self.was_cold else 'was there already'})"
        told = {True: "yes", False: "NO", None: "not asked"}[self.podman]
        lines = [self.image]
        for name, leg in ((first, self.cold), ("second (warm)", self.warm)):
            served, fetched = size(leg.bytes_served), size(leg.bytes_fetched)
            amounts = f"{served:>9} to us, {fetched:>9} from the upstream"
            lines.append(f"  {name:<18}{leg.total_s:8.2f} s   {amounts}")
        if self.cold.bytes_fetched > 1.5 * self.cold.bytes_served:
            lines.append("  (distribution 2.x fetches a missing blob twice, 3.x once)")
        lines += [
            f"  same digest       {'yes' if self.same_digest else 'NO'}, {self.warm.digest}",
            f"  podman used it    {told}: {self.podman_note}",
            f"  {'The cache works.' if self.ok else 'The cache does not work as it should.'}",
        ]
        return printable("\n".join(lines))


def full_name(image: str, settings: Settings) -> str:
    """Return an image's full name; a short one such as ``nginx`` gets the cache's prefix.

    Raises:
        RegtoolsError: it is not an image name, or does not go through this cache.
    """
    reference, prefix = Reference.parse(image), settings.image_prefix
    if reference.is_short:
        official = "library/" if prefix == "docker.io" and "/" not in reference.path else ""
        return str(Reference.parse(f"{prefix}/{official}{image}").normalized())
    name = str(reference.normalized())
    if not name.startswith((f"{prefix}/", f"{prefix}:", f"{prefix}@")):
        raise bad(f"{image} does not go through this cache", f"it serves names that begin with {prefix}/")
    return name


def podman_used_it(
    image: str, settings: Settings, drop_in: Path, environ: Mapping[str, str]
) -> tuple[bool | None, str]:
    """Let podman pull with the drop-in; return whether it asked the cache (None: not tried), and a note."""
    podman = shutil.which("podman", path=environ.get("PATH", os.defpath))
    if podman is None:
        return None, "podman is not installed here"
    before = _traffic(settings)
    folder = new_folder()
    try:
        done = subprocess.run(
            [podman, *storage_options(folder), "pull", "--quiet", image],
            env={**environ, "CONTAINERS_REGISTRIES_CONF": str(drop_in)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PODMAN_S,
        )
    except subprocess.TimeoutExpired:
        return False, f"podman did not finish within {PODMAN_S:g} s"
    finally:
        remove_folder(folder)
    after = _traffic(settings)
    if done.returncode:
        return False, f"podman pull failed: {last_line(done.stderr)}"
    blobs = after.blobs.requests - before.blobs.requests
    if not blobs:
        return False, "podman pulled it from elsewhere: it asked the cache for no blob"
    return True, f"it got {blobs} blobs from the cache"


def pull_through(image: str, settings: Settings, conf_text: str) -> Leg:
    """Pull an image through the cache, and wait until the cache has stored it.

    Args:
        image: its full name.
        settings: the cache's.
        conf_text: a registries.conf that leads to the cache and nowhere else.

    Raises:
        RegtoolsError: ``cache-failed``: the pull failed.
    """
    before = _traffic(settings)
    pull = time_pull(image, RegistriesConf.from_toml(conf_text, file="registries.conf"))
    if not pull.ok or pull.digest is None:
        raise _failed(image, settings, pull)
    after = settled(settings)
    return Leg(
        pull.total_s,
        pull.digest,
        after.bytes_served - before.bytes_served,
        after.bytes_fetched - before.bytes_fetched,
    )


def settled(settings: Settings) -> Traffic:
    """Wait until the cache has stored what its clients have already, and return its counters."""
    # The registry stores a blob while it serves it, and may finish a little later.
    until = time.monotonic() + SETTLE_S
    last, since = _traffic(settings), time.monotonic()
    while time.monotonic() < until:
        time.sleep(0.1)
        now = _traffic(settings)
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= QUIET_S:
            break
    return last


def _traffic(settings: Settings) -> Traffic:
    return read(settings.debug_address, settings.registry)


def _failed(image: str, settings: Settings, pull: Pull) -> RegtoolsError:
    reason = pull.failures[-1]
    # The cache answers 404 to a refused login and to an unknown image alike.
    hint = (
        "is the login in secrets.env right?" if settings.private else "does the upstream have it, and answer?"
    )
    return failed(f"{image} could not be pulled through the cache: {reason}", hint)
