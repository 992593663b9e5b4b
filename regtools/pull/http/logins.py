"""Logins and tokens: read where podman reads them, sent to whom they belong, shown to nobody.

Which file or program has the login, :mod:`regtools.registries.reading.credentials` decides; only this
module reads it.
Podman looks it up for every source, before the first request (containers-auth.json(5)): a file on the way
that cannot be read ends that source, also where no login would have been asked for.

What a 401 asks for is answered as the distribution project's token protocol says ("Docker Registry v2
authentication"): Basic with the login itself; Bearer with a token, which the realm gives for the login, for
an identity token (OAuth 2, ``refresh_token``), or for nothing, which is what public images need.

A secret goes to the scheme, host and port that it is for, never to another; it is in no row, no message and
no repr.

A text that shows itself nowhere: not in a repr, not in a traceback with its variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from regtools.registries.reading.credentials import Step
    from regtools.registries.reading.host import Surroundings
    from regtools.registries.settings import Settings

__all__ = ["Login", "Secret", "find_login"]

HELPER_S = 30.0  # a program that asks its user for a passphrase needs some time; podman sets no limit
_NOT_FOUND = "credentials not found in native keychain"  # the programs' agreed word for "not logged in"


# -- logins ----------------------------------------------------------------------------------------------


class Login:
    """A user with a password, an identity token, or both; shows none of them, but the file or program."""

    __slots__ = ("identity_token", "password", "user", "where")

    def __init__(self, user: str, password: str, identity_token: str = "", where: str = "") -> None:
        self.where = where
        self.user = user
        self.password = Secret(password)
        self.identity_token = Secret(identity_token)

    def __repr__(self) -> str:
        return f"Login(from {self.where!r})"

    def basic(self) -> Secret:
        """Give the header's value for Basic (RFC 7617)."""
        from base64 import b64encode

        pair = f"{self.user}:{self.password.reveal()}"
        return Secret(f"Basic {b64encode(pair.encode('utf-8', 'surrogateescape')).decode()}")


def find_login(conf: Settings, reference: str) -> Login | None:
    """Read the login that podman would use for an image at one place; None for an anonymous pull.

    Arguments:
        conf: names the programs that are asked, and the machine whose files are read.
        reference: the image's full name at the place that is contacted.

    Raises:
        RegtoolsError: kind ``credentials``: nothing gave a login, and a file or a program failed.
    """
    from regtools.registries.reading.credentials import credentials

    around = conf.surroundings
    looked = credentials(
        reference,
        helpers=conf.credential_helpers,
        podman=conf.podman,
        root=around.root,
        environ=around.environ,
        uid=around.uid,
    )
    first: RegtoolsError | None = None
    for steps in _turns(looked.steps):
        try:
            for step in steps:
                login = _ask(step, looked.registry, around)
                if login is not None:
                    return login
        except RegtoolsError as error:
            first = first or error
    if first is not None:
        raise first
    return None


def _turns(steps: tuple[Step, ...]) -> Iterator[list[Step]]:
    """Give what is asked together: a program by itself, the files in a row; a failure ends a turn."""
    files: list[Step] = []
    for step in steps:
        if step.where == step.helper:
            yield files
            yield [step]
            files = []
        else:
            files.append(step)
    yield files


def _ask(step: Step, registry: str, around: Surroundings) -> Login | None:
    if step.problem is not None:
        raise _unusable(step.where, step.problem)
    if step.helper is not None:
        return _run(step.helper, registry, around)
    return _entry(step, around) if step.key is not None else None


def _entry(step: Step, around: Surroundings) -> Login | None:
    """Read one entry: base64 of user and password with a colon between, and perhaps an identity token."""
    from base64 import b64decode

    fields = _fields(step, around)
    auth, token = fields.get("auth") or "", fields.get("identitytoken") or ""
    try:
        decoded = b64decode(auth.replace("\r", "").replace("\n", ""), validate=True)
    except (ValueError, AttributeError):
        decoded = None
    if decoded is None or not isinstance(token, str):
        auth = token = fields = decoded = None  # what a traceback with its variables would show
        raise _unusable(step.where, f"the entry {step.key} is not base64 of user:password")
    user, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon or not (user or password.strip("\0") or token):
        return None  # podman goes on, as docker does
    return Login(user, password.strip("\0"), token, step.where)


def _fields(step: Step, around: Surroundings) -> Any:
    """Give an entry's fields by their names in lower case, as Go reads them; none if it has just gone."""
    import json

    try:
        top = json.loads(around.read(step.where))
        if not step.where.endswith("/.dockercfg"):
            top = {name.lower(): value for name, value in top.items()}["auths"]
        return {name.lower(): value for name, value in top[step.key].items()}
    except (RegtoolsError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _run(program: str, registry: str, around: Surroundings) -> Login | None:
    """Ask a ``docker-credential-…`` program: the host on its standard input, JSON on its output."""
    import subprocess

    if around.root != "/":
        raise _unusable(program, f"it belongs to the machine below {around.root}, and is not run on this one")
    try:
        done = subprocess.run(
            [_found(program, around), "get"],
            input=registry.encode(),
            env=dict(around.environ),
            capture_output=True,
            timeout=HELPER_S,
        )
        status, output = done.returncode, Secret(done.stdout.decode("utf-8", "replace"))
        del done
    except subprocess.TimeoutExpired:
        problem = f"it gave no answer in {HELPER_S:g} s"
    except OSError as error:
        problem = f"it cannot be run: {error.strerror}"
    else:
        if not status:
            return _answer(program, output)
        if output.reveal().strip() == _NOT_FOUND:
            return None
        problem = f"it failed with status {status}"  # its words may hold a secret
    raise _unusable(program, problem, f"try: echo {registry} | {program} get")


def _found(program: str, around: Surroundings) -> str:
    from shutil import which

    path = which(program, path=around.environ.get("PATH", ""))
    if path is None:
        raise _unusable(program, "there is no such program on PATH", "install it, or take it out of the file")
    return path


def _answer(program: str, output: Secret) -> Login | None:
    import json

    fields: Any
    try:
        fields = {name.lower(): value for name, value in json.loads(output.reveal()).items()}
        user, secret = fields.get("username") or "", fields.get("secret") or ""
    except (ValueError, AttributeError, RecursionError):
        user = secret = None
    if not isinstance(user, str) or not isinstance(secret, str):
        fields = user = secret = None  # what a traceback with its variables would show
        raise _unusable(program, "its answer is not the JSON of a login")
    if user == "<token>":
        return Login("", "", secret, program)
    return Login(user, secret, where=program) if user or secret else None


def _unusable(where: str, problem: str, hint: str | None = None) -> RegtoolsError:
    return RegtoolsError(
        f"the login cannot be looked up in {where}: {problem}",
        kind="credentials",
        stage="pull",
        where=Place(where),
        hint=hint,
    )


class Secret:
    """A password, a token, or a header made of one. Only what sends it calls :meth:`reveal`.

    >>> Secret("s3cr3t")
    Secret(…)
    >>> f"{Secret('s3cr3t')}"
    'Secret(…)'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")
