"""What a 401 says, and what the token service answers: read here, loaded only when a registry asks.

``WWW-Authenticate`` is RFC 9110, section 11.6.1; the token protocol is the distribution project's.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from regtools.errors import RegtoolsError

from .logins import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .logins import Login

__all__ = [
    "Authorizer",
    "Challenge",
    "Grant",
    "Order",
    "order_token",
    "origin_of",
    "parse_challenges",
    "read_token",
]

TOKEN_LIFE_S = 60.0  # the protocol's default, when the answer names none

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?=\s|,|$)\s*")
_PARAMETER = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One scheme of a ``WWW-Authenticate`` header with its parameters; names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """Take a ``WWW-Authenticate`` value apart (RFC 9110, section 11.6.1).

    >>> [c] = parse_challenges('Bearer realm="https://auth.example/token",service="registry.example"')
    >>> c.scheme, c.parameters["service"]
    ('bearer', 'registry.example')
    """
    found: list[Challenge] = []
    at = 0
    while scheme := _SCHEME.match(header, at):
        parameters: dict[str, str] = {}
        at = scheme.end()
        while pair := _PARAMETER.match(header, at):
            quoted, plain = pair.group(2), pair.group(3)
            parameters[pair.group(1).lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            at = pair.end()
        found.append(Challenge(scheme.group(1).lower(), parameters))
    return found


@dataclass(frozen=True, slots=True)
class Order:
    """What to send for a token: a GET to ``url``, with ``grant`` where it has one, or a POST of ``form``."""

    url: str
    grant: Grant | None = None
    form: Secret | None = None


def order_token(challenge: Challenge, scope: str, login: Login | None) -> Order:
    """Say how a token is asked for; only an https realm, or a loopback one, is asked for secrets.

    A login's identity token is exchanged by POST (the distribution project's "OAuth2 token authentication");
    a password goes with a GET; without a login, the token is an anonymous one.

    Raises:
        RegtoolsError: kind ``auth``.
    """
    realm = challenge.parameters.get("realm", "")
    scheme, host, _ = _origin(realm)
    loopback = host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None
    if not host or (scheme != "https" and not (scheme == "http" and loopback)):
        raise RegtoolsError(
            f"the registry sends its clients to {realm!r} for a token, which is not an https address",
            kind="auth",
            stage="pull",
            hint="tokens are fetched over https only",
        )
    query = [("service", challenge.parameters["service"])] if challenge.parameters.get("service") else []
    query.append(("scope", scope))
    if login is not None and login.identity_token:
        secret = ("refresh_token", login.identity_token.reveal())
        fields = [("client_id", "regtools"), ("grant_type", "refresh_token"), *query, secret]
        return Order(realm, form=Secret(urlencode(fields)))
    grant = None
    if login is not None and login.user:
        query.insert(0, ("account", login.user))
        grant = Grant(realm, login.basic()) if login.password else None
    return Order(f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", grant)


def _origin(realm: str) -> tuple[str, str, int | None]:
    try:
        return origin_of(realm)
    except ValueError:  # a port that is no number, an address in brackets that is none
        return "", "", None


def read_token(body: Secret) -> tuple[Secret, float]:
    """Give the token and its life in seconds; the error must not quote the body, which may hold a secret."""
    try:
        answer = json.loads(body.reveal())
        token = Secret(answer.get("token") or answer.get("access_token"))
        life = float(answer.get("expires_in") or TOKEN_LIFE_S)
        usable = re.fullmatch(r"[\x21-\x7e]+", token.reveal()) is not None
    except (ValueError, AttributeError, TypeError, RecursionError):
        usable = False
    answer = None
    if not usable:
        raise RegtoolsError("the token service answered without a usable token", kind="auth", stage="pull")
    return token, max(life, TOKEN_LIFE_S)


_EARLY_S = 5.0  # renew so long before the end: the request still has to travel
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Give scheme, host and port: what a secret is bound to.

    >>> origin_of("https://Quay.io/v2/")
    ('https', 'quay.io', 443)
    """
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


# -- what is sent ----------------------------------------------------------------------------------------


class Grant:
    """A secret header for one origin."""

    __slots__ = ("_origin", "header")

    def __init__(self, url: str, header: Secret | None) -> None:
        self._origin = origin_of(url)
        self.header = header

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._origin[1]!r}, {'with' if self.header else 'without'} a secret)"

    def headers(self, url: str) -> dict[str, Secret]:
        """Give the header for ``url``: nothing where there is no secret, or for another origin."""
        return {"Authorization": self.header} if self.header and origin_of(url) == self._origin else {}


class Authorizer(Grant):
    """Holds the secret of one registry and one repository; shared by the workers of a pull.

    Arguments:
        base: the registry's URL, whose origin alone may see the secret.
        scope: for instance ``repository:library/nginx:pull``.
        login: what tokens are got for, and what Basic sends; None is anonymous.
    """

    __slots__ = ("_challenge", "_expires", "_lock", "_login", "scope")

    def __init__(self, base: str, scope: str, login: Login | None = None) -> None:
        import threading

        super().__init__(base, None)
        self._challenge: Challenge | None = None
        self._expires = float("inf")
        self._lock = threading.Lock()
        self._login = login
        self.scope = scope

    def challenge(self, header: str) -> None:
        """Remember what a 401 asked for: the first scheme that podman knows, as podman does."""

        known = [each for each in parse_challenges(header) if each.scheme in ("basic", "bearer")]
        if not known:
            return
        self._challenge = known[0] if known[0].scheme == "bearer" else None
        if self._challenge is None and self._login is not None and self._login.user:
            self.header, self._expires = self._login.basic(), float("inf")

    @property
    def challenged(self) -> bool:
        """Whether the registry has asked for a token that can be had."""
        return self._challenge is not None

    @property
    def due(self) -> bool:
        """Whether the token is about to end, so that the next request should not rely on it."""
        return self.header is not None and time.monotonic() >= self._expires

    def answer(self, header: str, get: Callable[[Order], Secret], *, stale: Secret | None) -> bool:
        """Answer a challenge: get a token, unless another worker has just done so.

        Arguments:
            header: the ``WWW-Authenticate`` value, or "" to use the last one again.
            get: sends the order for a token; gives the body of the answer.
            stale: the ``Authorization`` value that was refused or ran out, None if none was sent.

        Returns: whether a new request is worth sending.

        Raises:
            RegtoolsError: kind ``auth``, for a challenge that cannot be met.
        """

        with self._lock:
            if self.header is not None and stale != self.header:
                return True
            self.challenge(header)
            if self._challenge is None:  # Basic: the login itself is all there is to send
                return self.header is not None and stale != self.header
            token, life = read_token(get(order_token(self._challenge, self.scope, self._login)))
            self.header = Secret(f"Bearer {token.reveal()}")
            self._expires = time.monotonic() + max(life - _EARLY_S, life / 2)
            return True
