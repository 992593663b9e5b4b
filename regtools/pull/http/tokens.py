"""Answer a 401: read what the registry asks for, get a token, and keep it for the requests that may show it.

Basic sends the login itself; Bearer sends a token, which the realm issues for the login, for an identity
token (OAuth 2, ``refresh_token``) or, for public images, to anybody. ``WWW-Authenticate`` is RFC 9110,
section 11.6.1; the token protocol is the distribution project's ("Docker Registry v2 authentication").
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from regtools.values import NamedTuple

from .logins import Login
from .values import Address, Secret, clipped, is_local, pull_error, read_seconds, read_url

TOKEN_LIFE_S = 60.0  # the protocol's default if the answer names no life
_EARLY_S = 5.0  # a token is renewed that long before its end, because the request has to travel

# Possessive repeats: a header, however odd, is read in one pass.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_SCHEME = rf"[\s,]*+({_TOKEN})(?=[\s,]|$)"
_PARAMETER = rf'[\s,]*+({_TOKEN})\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|({_TOKEN}))'


class Challenge(NamedTuple):
    """One scheme of a ``WWW-Authenticate`` header with its parameters; names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """Read a ``WWW-Authenticate`` header (RFC 9110, section 11.6.1).

    >>> [c] = parse_challenges('Bearer realm="https://auth.example/token",service="registry.example"')
    >>> c.scheme, c.parameters["service"]
    ('bearer', 'registry.example')
    """
    found: list[Challenge] = []
    a_scheme, a_parameter = re.compile(_SCHEME), re.compile(_PARAMETER)  # here: most pulls meet no challenge
    at = 0
    while scheme := a_scheme.match(header, at):
        parameters: dict[str, str] = {}
        at = scheme.end()
        while pair := a_parameter.match(header, at):
            quoted, plain = pair.group(2), pair.group(3)
            parameters[pair.group(1).lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            at = pair.end()
        found.append(Challenge(scheme.group(1).lower(), parameters))
    return found


class Grant:
    """A secret ``Authorization`` header for one origin."""

    __slots__ = ("_origin", "header")

    def __init__(self, address: Address, header: Secret | None) -> None:
        self._origin = address.origin
        self.header = header

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._origin[1]!r}, {'with' if self.header else 'without'} a secret)"

    def headers(self, address: Address) -> dict[str, Secret]:
        """Return the header for an address; nothing if there is no secret or the origin differs."""
        return {"Authorization": self.header} if self.header and address.origin == self._origin else {}


class Order(NamedTuple):
    """A request for a token: a GET of ``url``, which may show ``grant``, or a POST of ``form``."""

    url: str
    grant: Grant | None = None
    form: Secret | None = None

    def __repr__(self) -> str:
        return "Order(…)"  # a URL may hold a password


def _order(challenge: Challenge, scope: str, login: Login | None) -> Order:
    """Return the request for a token. Only an https realm, or one on this machine, gets a secret.

    An identity token is exchanged by POST (the distribution project's "OAuth2 token authentication"), a
    password goes with a GET, and without a login the token is an anonymous one.
    """
    realm = challenge.parameters.get("realm", "")
    address = read_url(realm)
    secure = address.scheme == "https" or (address.scheme == "http" and is_local(address.host))
    if not address.host or not secure:
        message = f"the registry asks for a token from {clipped(realm, 100)!r}, which is not an https address"
        raise pull_error("auth", message, "tokens are fetched over https only")
    service = challenge.parameters.get("service")
    query = [*([("service", service)] if service else []), ("scope", scope)]
    if login is not None and login.identity_token:
        secret = ("refresh_token", login.identity_token.reveal())
        fields = [("client_id", "regtools"), ("grant_type", "refresh_token"), *query, secret]
        return Order(address.url, form=Secret(urlencode(fields)))
    grant = None
    if login is not None and login.user:
        query.insert(0, ("account", login.user))
        grant = Grant(address, login.basic()) if login.password else None
    asked = urlencode(query, errors="surrogateescape")
    return Order(f"{address.url}{'&' if '?' in address.url else '?'}{asked}", grant)


def tokens_in(body: Secret) -> list[Secret]:
    """Return every token in the answer of a token service, usable or not, so that none of them is shown."""
    try:
        return [
            Secret(value)
            for name, value in json.loads(body.reveal()).items()
            if name.endswith("token") and isinstance(value, str)
        ]
    except (ValueError, AttributeError, RecursionError):
        return []


def _read_token(body: Secret) -> tuple[Secret, float]:
    """Return the token and its life in seconds; an error does not quote the body, which may hold a secret."""
    life = None
    try:
        answer = json.loads(body.reveal())
        token = Secret(answer.get("token") or answer.get("access_token"))
        if re.fullmatch(r"[\x21-\x7e]+", token.reveal()):
            life = read_seconds(answer.get("expires_in") or TOKEN_LIFE_S)
    except (ValueError, AttributeError, TypeError, RecursionError):
        pass
    answer = None
    if life is None:
        raise pull_error("auth", "the token service answered without a usable token")
    return token, max(life, TOKEN_LIFE_S)


class Authorizer(Grant):
    """The secret of one registry and one repository; shared by the workers of a pull.

    Args:
        address: the registry's URL; the secret is shown to its origin only.
        scope: for example ``repository:library/nginx:pull``.
        login: what Basic sends and tokens are issued for; None for an anonymous pull.
    """

    __slots__ = ("_challenge", "_expires", "_lock", "_login", "scope")

    def __init__(self, address: Address, scope: str, login: Login | None = None) -> None:
        super().__init__(address, None)
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
        """Whether the registry has asked for a token."""
        return self._challenge is not None

    @property
    def due(self) -> bool:
        """Whether the token is about to end, so that it must be renewed before the next request."""
        return self.header is not None and time.monotonic() >= self._expires

    def answer(self, header: str, get: Callable[[Order], Secret], *, stale: Secret | None) -> bool:
        """Answer a challenge: get a token, unless another worker has just done so.

        Args:
            header: the ``WWW-Authenticate`` header, or "" to use the last one again.
            get: sends the request for a token and returns the body of the answer.
            stale: the ``Authorization`` header that was refused or has run out; None if none was sent.

        Returns:
            Whether to send the request again.

        Raises:
            RegtoolsError: kinds ``auth`` and ``bad-url``, for a challenge that cannot be met.
        """
        with self._lock:
            if self.header is not None and stale != self.header:
                return True
            self.challenge(header)
            if self._challenge is None:  # Basic: there is nothing to send but the login itself
                return self.header is not None and stale != self.header
            token, life = _read_token(get(_order(self._challenge, self.scope, self._login)))
            self.header = Secret(f"Bearer {token.reveal()}")
            self._expires = time.monotonic() + max(life - _EARLY_S, life / 2)
            return True
