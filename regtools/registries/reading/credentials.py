"""Where a login and certificates for a place would be found: whether there is one, never what it is.

Nothing secret leaves this module: of an entry it keeps the file and the entry's key.

Sources: containers-auth.json(5), containers-certs.d(5); for what they leave open (``DOCKER_CONFIG``, a named
file, Docker Hub's other names) the image library's ``pkg/docker/config`` and debug logs of podman 4.3.1.
"""

from __future__ import annotations

import json
import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence

from regtools.errors import RegtoolsError
from regtools.reference import GRAMMAR, HUB, HUB_HOST, HUB_OLD
from regtools.values import TYPE_CHECKING, NamedTuple

from .host import Surroundings
from .releases import release

if TYPE_CHECKING:
    from typing import Any

AUTH_FILES = "containers-auth.json"
"""In ``credential-helpers``: the place of the auth files among the programs."""

AUTH = "containers/auth.json"
ENTRY, HELPER, EMPTY, NONE = "entry", "helper", "empty-entry", "no-entry"
MISSING, UNREADABLE = "missing", "unreadable"


# Named tuples, not dataclasses: three of those would cost `regtools explain` a tenth of its start.
class Step(NamedTuple):
    """One file or program that is asked for a login.

    Attributes:
        where: path of the file, or name of the program.
        outcome: ``entry`` (it has a login), ``helper`` (a program is asked, which may have one),
            ``empty-entry`` (it has the key without a login), ``no-entry``, ``missing`` or ``unreadable``.
        key: key of the entry, as written.
        helper: program that is asked, ``docker-credential-…``.
        problem: why the file cannot be used.
        named_by: environment variable that names the file.
    """

    where: str
    outcome: str
    key: str | None = None
    helper: str | None = None
    problem: str | None = None
    named_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, without what is unset."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Credentials(NamedTuple):
    """Where a login for one place would be looked up.

    Attributes:
        reference: the image's full name at that place.
        registry: its host, as programs and ``podman login`` name it.
        keys: keys that are looked for in a file, from the most to the least specific.
        steps: files and programs in the order in which they are asked.
    """

    reference: str
    registry: str
    keys: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def found(self) -> Step | None:
        """The first step that has a login or asks a program; None for an anonymous pull."""
        return next((step for step in self.steps if step.outcome in (ENTRY, HELPER)), None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return self._asdict() | {"keys": list(self.keys), "steps": [step.to_dict() for step in self.steps]}


class Certificates(NamedTuple):
    """Where certificates for one place would be looked up.

    Attributes:
        host: name of the directory that is looked for.
        searched: the directories, in order; the first that exists is the only one used.
        directory: that one; None if only the system's authorities count.
        authorities: names of its ``*.crt`` files.
        clients: names of its ``*.cert`` files that have a key of the same name.
        problems: what in it cannot work.
    """

    host: str
    searched: tuple[str, ...]
    directory: str | None = None
    authorities: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        fields = self._asdict().items()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields}


def credentials(
    reference: str, around: Surroundings, *, helpers: Sequence[str] = (AUTH_FILES,), podman: str = "6"
) -> Credentials:
    """Return where podman would look for a login.

    Args:
        reference: the image's full name at the place that is contacted; for a mirror, its name there.
        around: the machine.
        helpers: ``credential-helpers`` of registries.conf.
        podman: release.

    Returns:
        All steps, also those after a login was found. A file that cannot be used is a step, not an error.

    Source: containers-auth.json(5).
    """
    registry, keys = _keys(reference)
    steps: list[Step] = []
    for helper in helpers:
        if helper == AUTH_FILES:
            files = _files(around, alone=release(podman).auth_variable_is_alone)
            steps += [_look(around, file, registry, keys) for file in files]
        else:
            program = f"docker-credential-{helper}"
            steps.append(Step(program, HELPER, registry, program))
    return Credentials(reference, registry, keys, tuple(steps))


def certificates(reference: str, around: Surroundings) -> Certificates:
    """Return where podman would look for certificates of the host in ``reference``.

    Docker Hub's directory is called ``docker.io`` after the name, not after the host that is contacted.

    Args:
        reference, around: as for :func:`credentials`.

    Source: containers-certs.d(5).
    """
    host, _ = _keys(reference)
    bases = ["/etc/containers/certs.d", "/etc/docker/certs.d"]
    if around.home:
        bases.insert(0, f"{around.home}/.config/containers/certs.d")
    searched = tuple(f"{base}/{host}" for base in bases)
    directory = next(filter(around.exists, searched), None)
    if directory is None:
        return Certificates(host, searched)
    try:
        names = around.names(directory)
    except RegtoolsError as error:
        return Certificates(host, searched, directory, problems=(error.message,))
    stems = {
        end: [name.removesuffix(end) for name in names if name.endswith(end)] for end in (".cert", ".key")
    }
    problems = [
        f"{stem}{end} has no {stem}{other} beside it: podman stops"
        for end, other in ((".cert", ".key"), (".key", ".cert"))
        for stem in stems[end]
        if stem not in stems[other]
    ]
    authorities = tuple(name for name in names if name.endswith(".crt"))
    clients = tuple(f"{stem}.cert" for stem in stems[".cert"] if stem in stems[".key"])
    return Certificates(host, searched, directory, authorities, clients, tuple(problems))


def auth_files(around: Surroundings, podman: str) -> list[str]:
    """Return the files in which logins are looked for, in order."""
    return [file.path for file in _files(around, alone=release(podman).auth_variable_is_alone)]


# -- auth files ------------------------------------------------------------------------------------------


class _File(NamedTuple):
    path: str
    legacy: bool = False  # .dockercfg: the entries are at the top, keys are hosts only
    named_by: str | None = None


def _files(around: Surroundings, *, alone: bool) -> Iterator[_File]:
    """Yield the auth files in order; ``alone`` if a file that a variable names is the only one."""
    environ = around.environ
    docker = environ.get("DOCKER_CONFIG")
    in_docker = docker and _File(posixpath.join(docker, "config.json"), named_by="DOCKER_CONFIG")
    named = in_docker
    if environ.get("REGISTRY_AUTH_FILE"):
        named = _File(environ["REGISTRY_AUTH_FILE"], named_by="REGISTRY_AUTH_FILE")
    if named:
        yield named
        if alone:
            return
    elif primary := _primary(around):
        yield _File(primary)
    home = around.home
    config = environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
    if config:
        yield _File(posixpath.join(config, AUTH))
    if in_docker and named != in_docker:
        yield in_docker
    elif home and not docker:
        yield _File(f"{home}/.docker/config.json")
    if home:
        yield _File(f"{home}/.dockercfg", legacy=True)


def _primary(around: Surroundings) -> str | None:
    """Return the file that ``podman login`` writes; None if the runtime directory does not exist."""
    runtime = around.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return posixpath.join(runtime, AUTH) if around.exists(runtime) else None
    session = f"/run/user/{around.uid}"  # podman sets the variable itself for users other than root
    if around.uid and around.exists(session):
        return posixpath.join(session, AUTH)
    return f"/run/containers/{around.uid}/auth.json"


def _look(around: Surroundings, file: _File, registry: str, keys: tuple[str, ...]) -> Step:
    """Read one file; of its content only the matching key leaves this function."""

    def step(outcome: str, **more: str) -> Step:
        return Step(file.path, outcome, named_by=file.named_by, **more)

    mode = around.mode(file.path)
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return step(UNREADABLE, problem="not a regular file; reading a pipe would empty it")
    try:
        data = around.read(file.path)
    except RegtoolsError as error:
        missing = error.kind == "file-missing"
        return step(MISSING) if missing else step(UNREADABLE, problem=error.message)
    if not data.strip():
        return step(UNREADABLE, problem="the file is empty, which is not JSON")
    try:
        auths, helpers = _tables(data, legacy=file.legacy)
    except ValueError as error:
        return step(UNREADABLE, problem=str(error))
    if registry in helpers:
        return step(HELPER, key=registry, helper=f"docker-credential-{helpers[registry]}")
    key = _match(auths, registry, (registry,) if file.legacy else keys, legacy=file.legacy)
    if key is None:
        return step(NONE)
    return step(ENTRY if auths[key] else EMPTY, key=key)


def _tables(data: bytes, *, legacy: bool) -> tuple[dict[str, bool], dict[str, str]]:
    """Return each key with whether it has a login, and the programs for single registries."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ValueError(f"no JSON, from line {line} on" if line else "no JSON") from None
    if not isinstance(plain, dict):
        raise ValueError("no table of logins")
    top = {name.lower(): value for name, value in plain.items()}
    auths = plain if legacy else top.get("auths") or {}
    helpers = {} if legacy else top.get("credhelpers") or {}
    if not isinstance(auths, dict) or not isinstance(helpers, dict):
        raise ValueError("its auths or credHelpers are not tables")
    # An identity token alone is not a login: podman needs user and password of the entry, if only "user:".
    logins = {
        key: isinstance(entry, dict)
        and any(value and name.lower() == "auth" for name, value in entry.items())
        for key, entry in auths.items()
    }
    return logins, {key: name for key, name in helpers.items() if isinstance(name, str)}


def _match(auths: Mapping[str, bool], registry: str, keys: Sequence[str], *, legacy: bool) -> str | None:
    exact = next((key for key in keys if key in auths), None)
    if exact is not None:
        return exact
    return next((key for key in auths if _host(key, legacy=legacy) == _one_hub(registry)), None)


def _host(key: str, *, legacy: bool) -> str:
    """Return the host that a key means; docker's keys may be addresses such as ``https://…/v1/``."""
    bare = key.removeprefix("http://").removeprefix("https://")
    return _one_hub(bare.partition("/")[0] if legacy or bare != key else bare)


def _one_hub(host: str) -> str:
    return HUB if host in (HUB_OLD, HUB_HOST) else host


def _keys(reference: str) -> tuple[str, tuple[str, ...]]:
    """Return the host, and the keys: the repository, then each of its leading parts, then the host."""
    match = GRAMMAR(reference)
    name = match["name"] if match else reference
    keys = [name]
    while "/" in name:
        name = name.rpartition("/")[0]
        keys.append(name)
    return name, tuple(keys)
