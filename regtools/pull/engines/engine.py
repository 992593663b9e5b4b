"""Measure podman and skopeo: run the program itself, each time with empty storage.

The result is a :class:`~regtools.pull.records.Pull` like any other: its stages add up to its total, and what
the program does not report is empty. Two stages belong to these programs only: ``start_s``, from the start
of the program until it tries the first source, and ``store_s``, from the arrival of the last byte to the end
(podman only; layers that it unpacks earlier overlap with the transfer). Their requests are counted but not
timed, so ``requests`` is empty. ``max_rss_kb`` is the peak memory of the program.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from typing import Any

from regtools.errors import RegtoolsError
from regtools.registries.conf import RegistriesConf
from regtools.registries.resolution import Candidate, Resolution

from ..hints import hint_for
from ..http.logins import find_login
from ..http.trust import proxy_secrets
from ..http.values import Censor, Secret, pull_error
from ..manifests import Image, Platform, read_manifest
from ..recorder import Usage, conclude
from ..records import Failure, Pull
from .home import EngineHome, engine_version, variable_is_alone
from .log import Story
from .process import Ended, run_engine

Served = tuple[str, Image | None]  # the name that was pulled, and its manifest if that is known

TIMEOUT_S = 1800.0


def time_engine(
    engine: str,
    image: str,
    conf: RegistriesConf,
    resolution: Resolution,
    platform: Platform,
    *,
    place: str = "",
    timeout_s: float | None = None,
    tls_verify: bool | None = None,
) -> Pull:
    """Pull with ``podman pull`` or ``skopeo copy`` into empty storage, and remove the storage.

    podman tries the candidates of a short name itself; skopeo takes full names only and is run once for each
    candidate. A program that takes longer than ``timeout_s`` seconds (None for half an hour) is killed, and
    the pull fails with kind ``timeout``. ``tls_verify`` is passed on unless it is None.

    Raises:
        RegtoolsError: ``program-missing``; ``engine`` if it reads configuration files other than ours.
    """
    version = engine_version(engine)
    names = [image] if engine == "podman" else [each.name for each in resolution.candidates if each.sources]
    if len(resolution.candidates) == 1:
        names = [resolution.candidates[0].name]  # so that no alias that podman remembers takes precedence
    driver = _driver() if engine == "podman" else ""
    before, origin = Usage.now(), time.perf_counter()
    runs: list[Ended] = []
    served: Served | None = None
    for name in names:
        with EngineHome(conf, by_variable=variable_is_alone(engine), environ=os.environ) as home:
            command = _command(engine, name, platform, home, driver, tls_verify)
            left = (TIMEOUT_S if timeout_s is None else timeout_s) - (time.perf_counter() - origin)
            runs.append(run_engine(command, home, max(left, 0.001)))
            _check_files(engine, runs[-1].story, home)
            if runs[-1].status == 0:
                served = (runs[-1].story.candidate or name, _stored(engine, home, driver))
                break
    hopeless = [] if served or engine == "podman" else resolution.candidates
    about = {
        "client": engine,
        "client_version": f"{version} {driver}".strip(),
        "image": image,
        "asked_digest": resolution.pull.reference.digest,
        "place": place,
    }
    pull = _pull(runs, served, hopeless, before, **about)
    if not pull.failures:
        return pull
    censor = Censor(*_logins(conf, resolution))  # the program's message may quote what a server repeats
    sources = {source.reference: source for each in resolution.candidates for source in each.sources}
    failures = []
    for each in pull.failures:
        hint = hint_for(each.kind, sources[each.reference]) if each.reference in sources else each.hint
        failures.append(each.replace(message=censor(each.message), hint=hint))
    return pull.replace(failures=tuple(failures))


def _logins(conf: RegistriesConf, resolution: Resolution) -> Iterator[Secret]:
    """Yield the secrets that the program may have sent to the sources."""
    for source in (source for each in resolution.candidates for source in each.sources):
        with suppress(RegtoolsError):  # the program found none either
            login = find_login(conf, source.reference)
            if login is not None:
                yield from (login.password, login.identity_token, login.basic())


@lru_cache
def _driver() -> str:
    """Return the storage driver that podman can use in the folder for temporary files: overlay, else vfs."""
    with EngineHome(RegistriesConf.from_toml(""), by_variable=False, environ=os.environ) as home:
        command = [*_podman(home, "overlay"), "info"]
        done = subprocess.run(command, env=home.environ, capture_output=True, timeout=120, check=False)
    return "overlay" if done.returncode == 0 else "vfs"


def _podman(home: EngineHome, driver: str) -> list[str]:
    return [
        *("podman", "--root", f"{home.path}/root", "--runroot", f"{home.path}/run"),
        *("--tmpdir", f"{home.path}/tmp", "--storage-driver", driver),
        *("--cgroup-manager", "cgroupfs", "--events-backend", "none"),
    ]


def _command(
    engine: str, name: str, platform: Platform, home: EngineHome, driver: str, tls_verify: bool | None
) -> list[str]:
    verify = "tls-verify" if engine == "podman" else "src-tls-verify"
    given = [] if tls_verify is None else [f"--{verify}={str(tls_verify).lower()}"]
    if engine == "podman":
        pull = ["pull", *given, "--platform", str(platform), name]
        return [*_podman(home, driver), "--log-level", "debug", *pull]
    variant = ("--override-variant", platform.variant) if platform.variant else ()
    wanted = ("--override-os", platform.os, "--override-arch", platform.architecture, *variant)
    return ["skopeo", "--debug", *wanted, "copy", *given, f"docker://{name}", f"dir:{home.path}/image"]


def _check_files(engine: str, story: Story, home: EngineHome) -> None:
    foreign = [path for path in story.loaded if not path.startswith(f"{home.path}/")]
    if foreign:
        message = f"{engine} reads {', '.join(foreign)} in addition to the configuration that is measured"
        raise pull_error("engine", message, "move these files, or measure with --engine builtin")


def _stored(engine: str, home: EngineHome, driver: str) -> Image | None:
    """Read the manifest of the pulled image from the storage, before it is removed."""
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
    runs: list[Ended],
    served: Served | None,
    hopeless: Sequence[Candidate],
    before: Usage,
    **about: Any,
) -> Pull:
    own = Usage.now()
    user, sys = sum(run.user_s for run in runs), sum(run.sys_s for run in runs)
    after = own._replace(user_s=own.user_s + user, sys_s=own.sys_s + sys)
    manifest = served[1] if served else None
    censor = Censor(*proxy_secrets(os.environ))
    failures = [
        each.replace(message=censor(each.message)) for run in runs for each in _failures(about["client"], run)
    ]
    failures += [
        Failure(each.name, each.error.kind, each.error.message, each.error.hint)
        for each in hopeless
        if each.error
    ]
    attempts = [each for run in runs for each in run.story.attempts]
    spent = Counter[str]()
    for run in runs:
        spent.update(run.story.stages(run.total_s, run.arrived_s))
    if all(run.arrived_s is None for run in runs):
        del spent["store"]
    return conclude(
        before=before,
        after=after,
        manifest=manifest,
        ok=served is not None,
        failures=failures,
        run_id=os.urandom(16).hex(),
        reference=served[0] if served else None,
        bytes_fetched=manifest.layers_size if manifest else None,
        n_requests=sum(run.story.requests for run in runs),
        n_retries=sum(run.story.retries for run in runs),
        **{f"{stage}_s": value for stage, value in spent.items()},
        total_s=sum(run.total_s for run in runs),
        cpu_user_s=user,
        cpu_sys_s=sys,
        max_rss_kb=max((run.max_rss_kb for run in runs), default=0),
        served_by=attempts[-1] if served and attempts else None,
        attempts=tuple(attempts),
        **about,
    )


def _failures(engine: str, run: Ended) -> list[Failure]:
    found = list(run.story.told())
    place = run.story.attempts[-1] if run.story.attempts else ""
    if run.timed_out:
        found.append(Failure(place, "timeout", f"{engine} was killed after {run.total_s:.0f} s"))
    elif run.status and not found:
        found.append(Failure(place, "engine", f"{engine} ended with status {run.status} and no message"))
    return found
