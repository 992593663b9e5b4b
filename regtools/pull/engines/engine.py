"""podman and skopeo as measured clients: the programs themselves, into storage that is empty each time.

A pull by them is a :class:`~regtools.pull.records.Pull` like any other: its phases add up to its total, and
what they do not tell is empty. Two phases are theirs alone: ``start_s``, from the start of the program until
it tries the first source, and ``store_s``, from the last byte's arrival to the end (podman only; what it
unpacks before that runs beside the transfer). Their requests are counted, but not timed: ``requests`` is
empty. ``max_rss_kb`` is the program's own peak.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from ..manifests import Image, read_manifest
from ..recorder import Usage, other_cpu
from ..records import Failure, Pull
from .home import EngineHome
from .process import run_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtools.registries.conf import RegistriesConf
    from regtools.registries.resolution import Candidate, Resolution

    from ..manifests import Platform
    from .log import Story
    from .process import Ended

__all__ = ["ENGINES", "TIMEOUT_S", "engine_version", "time_engine"]

ENGINES = ("builtin", "podman", "skopeo")
TIMEOUT_S = 1800.0
_PODMAN_DRIVERS = ("overlay", "vfs")  # in the order of preference


def time_engine(
    engine: str,
    image: str,
    conf: RegistriesConf,
    resolution: Resolution,
    platform: Platform,
    *,
    place: str = "",
    timeout_s: float = TIMEOUT_S,
) -> Pull:
    """Pull with ``podman pull`` or ``skopeo copy`` into empty storage, and remove that again.

    podman walks the candidates of a short name itself; skopeo knows full names only and is run for one
    after the other. A program that takes longer than ``timeout_s`` seconds is killed; kind ``timeout``.

    Raises:
        RegtoolsError: ``program-missing``; ``engine`` where it reads other configuration files than ours.
    """
    version = engine_version(engine)
    names = [image] if engine == "podman" else [each.name for each in resolution.candidates if each.sources]
    if len(resolution.candidates) == 1:
        names = [resolution.candidates[0].name]  # no alias that podman remembers comes in between
    driver = _driver() if engine == "podman" else ""
    before, started, origin = Usage.now(), time.time(), time.perf_counter()
    runs: list[Ended] = []
    served: tuple[str, Image | None] | None = None
    for name in names:
        with EngineHome(conf, by_variable=_by_variable(engine, version), environ=os.environ) as home:
            command = _command(engine, name, platform, home, driver)
            left = timeout_s - (time.perf_counter() - origin)
            runs.append(run_engine(command, home, max(left, 0.001)))
            _check_files(engine, runs[-1].story, home)
            if runs[-1].status == 0:
                served = (runs[-1].story.candidate or name, _stored(engine, home, driver))
                break
    hopeless = [] if served or engine == "podman" else resolution.candidates
    return _pull(engine, f"{version} {driver}".strip(), image, place, runs, served, hopeless, before, started)


def _by_variable(engine: str, version: str) -> bool:
    """Say whether a variable switches all other files off; skopeo counts its own releases."""
    return int(version.partition(".")[0]) >= (6 if engine == "podman" else 2)


@lru_cache
def engine_version(engine: str) -> str:
    """Give the version of ``podman`` or ``skopeo`` on this machine.

    Raises:
        RegtoolsError: ``unknown-engine``, ``program-missing``, or ``engine`` where it does not answer.
    """
    if engine not in ENGINES[1:]:
        raise RegtoolsError(
            f"there is no engine {engine!r}",
            kind="unknown-engine",
            stage="pull",
            hint=f"there are {', '.join(ENGINES)}",
        )
    if shutil.which(engine) is None:
        hint = f"install {engine}, or use --engine builtin, which needs no program"
        raise RegtoolsError(
            f"{engine} is not installed here", kind="program-missing", stage="pull", hint=hint
        )
    done = subprocess.run([engine, "--version"], capture_output=True, text=True, timeout=60, check=False)
    version = re.search(r"\d+\.\d+\S*", done.stdout)
    if version is None:
        raise RegtoolsError(f"{engine} does not tell its version", kind="engine", stage="pull")
    return version[0]


@lru_cache
def _driver() -> str:
    """Give the storage driver that podman can use in the place for temporary files: overlay, else vfs."""
    from regtools.registries.conf import RegistriesConf

    for driver in _PODMAN_DRIVERS[:-1]:
        with EngineHome(RegistriesConf.from_toml(""), by_variable=False, environ=os.environ) as home:
            command = [*_podman(home, driver), "info"]
            done = subprocess.run(command, env=home.environ, capture_output=True, timeout=120, check=False)
        if done.returncode == 0:
            return driver
    return _PODMAN_DRIVERS[-1]


def _podman(home: EngineHome, driver: str) -> list[str]:
    return [
        *("podman", "--root", f"{home.path}/root", "--runroot", f"{home.path}/run"),
        *("--tmpdir", f"{home.path}/tmp", "--storage-driver", driver),
        *("--cgroup-manager", "cgroupfs", "--events-backend", "none"),
    ]


def _command(engine: str, name: str, platform: Platform, home: EngineHome, driver: str) -> list[str]:
    if engine == "podman":
        return [*_podman(home, driver), "--log-level", "debug", "pull", "--platform", str(platform), name]
    variant = ("--override-variant", platform.variant) if platform.variant else ()
    wanted = ("--override-os", platform.os, "--override-arch", platform.architecture, *variant)
    return ["skopeo", "--debug", *wanted, "copy", f"docker://{name}", f"dir:{home.path}/image"]


def _check_files(engine: str, story: Story, home: EngineHome) -> None:
    foreign = [path for path in story.loaded if not path.startswith(f"{home.path}/")]
    if foreign:
        raise RegtoolsError(
            f"{engine} reads {', '.join(foreign)} besides the configuration that is measured",
            kind="engine",
            stage="pull",
            hint="move these files away, or measure with --engine builtin",
        )


# -- what it left, and the row -----------------------------------------------------------------------------


def _stored(engine: str, home: EngineHome, driver: str) -> Image | None:
    """Read the manifest of what was pulled from the storage, before that is removed."""
    if engine == "skopeo":
        paths = [home.path / "image" / "manifest.json"]
    else:
        paths = list((home.path / "root" / f"{driver}-images").glob("*/manifest"))
    for path in paths:
        try:
            raw = path.read_bytes()
            found = read_manifest(raw, "", f"sha256:{sha256(raw).hexdigest()}")
        except (OSError, RegtoolsError):
            continue
        if isinstance(found, Image):
            return found
    return None


def _pull(
    engine: str,
    version: str,
    image: str,
    place: str,
    runs: list[Ended],
    served: tuple[str, Image | None] | None,
    hopeless: Sequence[Candidate],
    before: Usage,
    started: float,
) -> Pull:
    from ..recorder import utc

    own = Usage.now()
    user, sys = sum(run.user_s for run in runs), sum(run.sys_s for run in runs)
    after = replace(own, user_s=own.user_s + user, sys_s=own.sys_s + sys)
    ok, manifest = served is not None, served[1] if served else None
    failures = [failure for run in runs for failure in _failures(engine, run)]
    failures += [Failure(each.name, each.error.kind, each.error.message) for each in hopeless if each.error]
    sizes = {layer.digest: layer.size for layer in manifest.layers} if manifest else {}
    attempts = [each for run in runs for each in run.story.attempts]
    told_storing = any(run.arrived_s is not None for run in runs)
    spent = {"start": 0.0, "auth": 0.0, "manifest": 0.0, "transfer": 0.0, "wait": 0.0, "store": 0.0}
    for run in runs:
        for stage, value in run.story.stages(run.total_s, run.arrived_s).items():
            spent[stage] += value
    store_s = spent.pop("store")
    return Pull(
        run_id=os.urandom(16).hex(),
        vantage="",
        round=None,
        order=None,
        started_at=utc(started),
        place=place,
        image=image,
        reference=served[0] if served else None,
        digest=manifest.digest if manifest else None,
        client=engine,
        client_version=version,
        workers=None,
        cache_state="unknown",
        n_layers=len(manifest.layers) if manifest else None,
        bytes_declared=sum(sizes.values()) if manifest else None,
        bytes_fetched=sum(sizes.values()) if manifest else None,
        n_requests=sum(run.story.requests for run in runs),
        n_retries=sum(run.story.retries for run in runs),
        **{f"{stage}_s": value for stage, value in spent.items()},
        store_s=store_s if told_storing else None,
        ttfb_s=None,
        hash_cpu_s=None,
        total_s=sum(run.total_s for run in runs),
        cpu_user_s=user,
        cpu_sys_s=sys,
        max_rss_kb=max((run.max_rss_kb for run in runs), default=0),
        other_cpu=other_cpu(before, after),
        ok=ok,
        error_kind=None if ok else failures[-1].kind if failures else "no-candidates",
        served_by=attempts[-1] if ok and attempts else None,
        attempts=tuple(attempts),
        requests=(),
        failures=tuple(failures),
    )


def _failures(engine: str, run: Ended) -> list[Failure]:
    found = list(run.story.told())
    place = run.story.attempts[-1] if run.story.attempts else ""
    if run.timed_out:
        found.append(Failure(place, "timeout", f"{engine} was killed after {run.total_s:.0f} s"))
    elif run.status and not found:
        found.append(Failure(place, "engine", f"{engine} ended with status {run.status} and said nothing"))
    return found
