"""Find the login for one source where podman finds it.

:mod:`regtools.registries.reading.credentials` decides which file or program holds the login; only this module
reads it. Podman looks it up for every source, before the first request (containers-auth.json(5)): a file that
cannot be read fails the source even if it would not ask for a login.

A secret is sent to the scheme, host and port that it belongs to and to no other; it is in no row, no message
and no repr.
"""

from __future__ import annotations

import json
import threading
from binascii import a2b_base64, b2a_base64  # base64 would load struct, too
from collections.abc import Iterator
from contextlib import suppress

from regtools.errors import RegtoolsError
from regtools.registries.reading.credentials import Credentials, Step, credentials
from regtools.registries.reading.host import Surroundings
from regtools.registries.settings import Settings
from regtools.values import TYPE_CHECKING

from .values import Secret, pull_error

if TYPE_CHECKING:
    from typing import Any, TypeGuard

HELPER_S = 30.0  # seconds; enough to type a passphrase. podman sets no limit
MOST_ANSWER = 1 << 20  # characters of a login
# What every helper program prints for "not logged in".
_NOT_FOUND = "credentials not found in native keychain"


class Login:
    """A user with a password, an identity token, or both; its repr shows only where it was found.

    ``where`` is the file or the program that has it, ``removal`` what removes it there, mostly a command.
    """

    __slots__ = ("identity_token", "password", "removal", "user", "where")

    def __init__(self, user: str, password: str, identity_token: str = "", where: str = "") -> None:
        self.where = where
        self.removal = ""
        self.user = user
        self.password = Secret(password)
        self.identity_token = Secret(identity_token)

    def __repr__(self) -> str:
        return f"Login(from {self.where!r})"

    def basic(self) -> Secret:
        """Return the value of the ``Authorization`` header for Basic (RFC 7617)."""
        pair = f"{self.user}:{self.password.reveal()}"
        return Secret(f"Basic {b2a_base64(pair.encode('utf-8', 'surrogateescape'), newline=False).decode()}")


def find_login(conf: Settings, reference: str) -> Login | None:
    """Read the login that podman would use for an image at one source; None for an anonymous pull.

    Args:
        conf: names the helper programs, and the machine whose files are read.
        reference: full name of the image at the source.

    Raises:
        RegtoolsError: kind ``credentials``: there is no login, and a file or a program failed.
    """
    around = conf.surroundings
    looked = credentials(reference, around, helpers=conf.credential_helpers, podman=conf.podman)
    first: RegtoolsError | None = None
    for steps in _turns(looked.steps):
        try:
            for step in steps:
                login = _ask(step, looked.registry, around)
                if login is not None:
                    login.removal = _removal(step, looked)
                    return login
        except RegtoolsError as error:
            first = first or error
    if first is not None:
        raise first
    return None


def _removal(step: Step, looked: Credentials) -> str:
    """Return the command that removes a login; it names the file if that is not podman's own."""
    if step.helper is not None:
        return f"podman logout {looked.registry}"
    if step.where.endswith("/.dockercfg") or "://" in (step.key or ""):
        return f"deleting the entry {step.key} in {step.where}"
    own = next(each.where for each in looked.steps if each.helper is None or each.where != each.helper)
    return f"podman logout {step.key}" + ("" if step.where == own else f" --authfile {step.where}")


def _turns(steps: tuple[Step, ...]) -> Iterator[list[Step]]:
    """Yield the steps in groups: one program, or consecutive files; a failure ends the rest of its group."""
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
    """Read one entry: base64 of ``user:password``, and perhaps an identity token."""
    fields = _fields(step, around)
    auth, token = fields.get("auth") or "", fields.get("identitytoken") or ""
    try:
        decoded = a2b_base64(auth.replace("\r", "").replace("\n", ""), strict_mode=True)
    except (ValueError, AttributeError):
        decoded = None
    if decoded is None or not _is_sendable(token):
        auth = token = fields = decoded = None  # a traceback that prints variables would show them
        raise _unusable(step.where, f"the entry {step.key} is not base64 of user:password")
    user, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon or not (user or password.strip("\0") or token):
        return None  # podman continues without, as docker does
    return Login(user, password.strip("\0"), token, step.where)


def _is_sendable(value: object) -> TypeGuard[str]:
    """Return whether a value of JSON is text without lone surrogates, which no encoding can send."""
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def _fields(step: Step, around: Surroundings) -> Any:
    """Return the fields of an entry, names in lower case as Go reads them; none if it has vanished."""
    try:
        top = json.loads(around.read(step.where))
        if not step.where.endswith("/.dockercfg"):
            top = {name.lower(): value for name, value in top.items()}["auths"]
        return {name.lower(): value for name, value in top[step.key].items()}
    except (RegtoolsError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _run(program: str, registry: str, around: Surroundings) -> Login | None:
    """Run a ``docker-credential-…`` program: the host on its standard input, JSON on its output."""
    import subprocess

    if around.root != "/":
        raise _unusable(program, f"it belongs to the machine below {around.root}, and is not run on this one")
    hint = f"try: echo {registry} | {program} get"
    try:
        with subprocess.Popen(
            [program, "get"],
            env=dict(around.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            timer = threading.Timer(HELPER_S, process.kill)
            timer.start()
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(registry.encode())
            output = Secret(process.stdout.read(MOST_ANSWER + 1).decode("utf-8", "replace"))
            too_long = len(output.reveal()) > MOST_ANSWER
            if too_long:
                process.kill()
            status = process.wait()
            late = not timer.is_alive()
            timer.cancel()
    except FileNotFoundError:
        problem, hint = "there is no such program on PATH", "install it, or remove it from the file"
    except OSError as error:
        problem = f"it cannot be run: {error.strerror}"
    else:
        if too_long:
            problem = f"its answer is longer than {MOST_ANSWER} bytes"
        elif late:
            problem = f"it gave no answer in {HELPER_S:g} s"
        elif not status:
            return _answer(program, output)
        elif output.reveal().strip() == _NOT_FOUND:
            return None
        else:
            problem = f"it failed with status {status}"  # its output may hold a secret
    raise _unusable(program, problem, hint)


def _answer(program: str, output: Secret) -> Login | None:
    fields: Any
    try:
        fields = {name.lower(): value for name, value in json.loads(output.reveal()).items()}
        user, secret = fields.get("username") or "", fields.get("secret") or ""
    except (ValueError, AttributeError, RecursionError):
        user = secret = None
    if not _is_sendable(user) or not _is_sendable(secret):
        fields = user = secret = None  # a traceback that prints variables would show them
        raise _unusable(program, "its answer is not the JSON of a login")
    if user == "<token>":
        return Login("", "", secret, program)
    return Login(user, secret, where=program) if user or secret else None


def _unusable(where: str, problem: str, hint: str | None = None) -> RegtoolsError:
    message = f"the login cannot be looked up in {where}: {problem}"
    return pull_error("credentials", message, hint, file=where)
