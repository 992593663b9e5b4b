"""Whether a cache does what it is for: the same image pulled twice through it, and once by podman."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.reference import Reference

from .settings import bad
from .status import megabytes, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from regtools.pull.records import Pull

    from .settings import Settings
    from .status import Traffic

__all__ = ["Leg", "Verification", "full_name", "podman_used_it", "settled", "two_pulls"]

SETTLE_S = 60.0  # for storing what the client has already
QUIET_S = 0.5


@dataclass(frozen=True, slots=True)
class Leg:
    """One pull through the cache: seconds, digest, the blobs' bytes to us and from the upstream."""

    total_s: float
    digest: str
    bytes_served: int
    bytes_fetched: int


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of ``verify``. ``podman`` is None where it was not asked; its note says why."""

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
        """Whether both pulls delivered the same."""
        return self.cold.digest == self.warm.digest

    @property
    def ok(self) -> bool:
        """Whether the cache caches: the second pull cost the upstream no blob, and podman went through it."""
        return self.same_digest and self.warm.bytes_fetched == 0 and self.podman is not False

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data for JSON."""
        return {"format": 1, **asdict(self), "same_digest": self.same_digest, "ok": self.ok}

    def __str__(self) -> str:
        first = "cold" if self.was_cold else "was there already"
        told = {True: "yes", False: "NO", None: "not asked"}[self.podman]
        return "\n".join(
            [
                self.image,
                *(
                    f"  {name:<18}{leg.total_s:8.2f} s   {megabytes(leg.bytes_served):>9} to us, "
                    f"{megabytes(leg.bytes_fetched):>9} from the upstream"
                    for name, leg in ((f"first ({first})", self.cold), ("second (warm)", self.warm))
                ),
                f"  same digest       {'yes' if self.same_digest else 'NO'}, {self.warm.digest}",
                f"  podman used it    {told}: {self.podman_note}",
                f"  {'It caches.' if self.ok else 'It does not do what it should.'}",
            ]
        )


def full_name(image: str, settings: Settings) -> str:
    """Give an image's full name; a short one is taken below the cache's prefix, as ``nginx`` for Docker Hub.

    Raises:
        RegtoolsError: the name is none, or does not go through this cache.
    """
    reference, prefix = Reference.parse(image), settings.image_prefix
    if reference.is_short:
        official = "library/" if prefix == "docker.io" and "/" not in reference.path else ""
        return str(Reference.parse(f"{prefix}/{official}{image}").normalized())
    name = str(reference.normalized())
    if not name.startswith((f"{prefix}/", f"{prefix}:", f"{prefix}@")):
        raise bad(f"{image} does not go through this cache", f"it serves names that begin with {prefix}/")
    return name


def two_pulls(image: str, settings: Settings, conf_text: str) -> tuple[Leg, Leg]:
    """Pull an image twice through the cache, and nowhere else.

    Raises:
        RegtoolsError: a pull failed.
    """
    first = _leg(image, settings, conf_text)
    return first, _leg(image, settings, conf_text)


def podman_used_it(
    image: str, settings: Settings, drop_in: Path, environ: Mapping[str, str]
) -> tuple[bool | None, str]:
    """Let podman pull with the drop-in into a throw-away storage; say whether the cache was asked."""
    podman = shutil.which("podman", path=environ.get("PATH", os.defpath))
    if podman is None:
        return None, "podman is not installed here"
    before = _traffic(settings)
    work = tempfile.mkdtemp(prefix="rt-")  # podman takes no runroot of more than 50 characters
    try:
        own = ["--root", f"{work}/root", "--runroot", f"{work}/run", "--storage-driver", "vfs"]
        done = subprocess.run(
            [podman, *own, "pull", "--quiet", image],
            env={**environ, "CONTAINERS_REGISTRIES_CONF": str(drop_in)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
    except subprocess.TimeoutExpired:
        return False, "podman did not finish within 900 s"
    finally:
        shutil.rmtree(work, ignore_errors=True)
    after = _traffic(settings)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        return False, f"podman pull failed: {said[-1].removeprefix('Error: ')}"
    blobs = after.blobs.requests - before.blobs.requests
    if not blobs:
        return False, "podman pulled it, but from elsewhere: the cache was asked for no blob"
    return True, f"the cache gave it {blobs} blobs"


def _leg(image: str, settings: Settings, conf_text: str) -> Leg:
    from regtools.pull.timing import time_pull
    from regtools.registries.conf import RegistriesConf

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
    """Wait until the cache has stored what its clients have already; give its counters then."""
    # The registry stores a blob beside giving it to us, and may finish a little later.
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
    why = str(pull).splitlines()[-1].strip()
    # A refused login and an unknown image look the same from here: the cache answers 404 to both.
    hint = (
        "is the login in secrets.env right?" if settings.private else "does the upstream have it, and answer?"
    )
    return RegtoolsError(
        f"{image} could not be pulled through the cache: {why}", kind="cache-failed", stage="pull", hint=hint
    )
