"""Challenges and tokens: what a registry asks for, and how to get it without ever showing it.

The token protocol is that of the distribution project ("Docker Registry v2 authentication"): a 401 names a
realm, a service and a scope; a GET to the realm answers with a token. Without credentials the token is an
anonymous one, which is what public images need.

A token lives in an :class:`Authorizer` only. It is sent to the scheme, host and port that asked for it,
never to another; it is in no row, no message and no repr.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from regtools.errors import RegtoolsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Authorizer", "Challenge", "origin_of", "parse_challenges"]

TOKEN_LIFE_S = 60.0  # the protocol's default, when the answer names none
_EARLY_S = 5.0  # renew so long before the end: the request still has to travel

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?=\s|,|$)\s*")
_PARAMETER = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_PORTS = {"http": 80, "https": 443}


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


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Give scheme, host and port: what a secret is bound to.

    >>> origin_of("https://Quay.io/v2/")
    ('https', 'quay.io', 443)
    """
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


class Authorizer:
    """Holds the token of one registry and one repository; shared by the workers of a pull.

    Arguments:
        base: the registry's URL, whose origin alone may see the token.
        scope: for instance ``repository:library/nginx:pull``.
    """

    __slots__ = ("_base", "_challenge", "_expires", "_lock", "_secret", "scope")

    def __init__(self, base: str, scope: str) -> None:
        import threading

        self._base = origin_of(base)
        self._challenge: Challenge | None = None
        self._secret: str | None = None
        self._expires = 0.0
        self._lock = threading.Lock()
        self.scope = scope

    def __repr__(self) -> str:
        return (
            f"Authorizer({self._base[1]!r}, {self.scope!r}, {'with' if self._secret else 'without'} a token)"
        )

    def headers(self, url: str) -> dict[str, str]:
        """Give the header for ``url``: nothing where there is no token, or for another origin."""
        header = self.header
        return {"Authorization": header} if header and origin_of(url) == self._base else {}

    @property
    def header(self) -> str | None:
        """The ``Authorization`` value of the present token; a secret."""
        return f"Bearer {self._secret}" if self._secret else None

    def challenge(self, header: str) -> None:
        """Remember what a 401 asked for, to be answered later."""
        bearer = [each for each in parse_challenges(header) if each.scheme == "bearer"]
        if bearer:
            self._challenge = bearer[0]

    @property
    def challenged(self) -> bool:
        """Whether the registry has asked for a token that can be had."""
        return self._challenge is not None

    @property
    def due(self) -> bool:
        """Whether the token is about to end, so that the next request should not rely on it."""
        return self._secret is not None and time.monotonic() >= self._expires

    def answer(self, header: str, get: Callable[[str], bytes], *, stale: str | None) -> bool:
        """Answer a challenge: get a token, unless another worker has just done so.

        Arguments:
            header: the ``WWW-Authenticate`` value, or "" to use the last one again.
            get: fetches the token's URL; gives the body.
            stale: the ``Authorization`` value that was refused or ran out, None if none was sent.

        Returns: whether a new request is worth sending.

        Raises:
            RegtoolsError: kind ``auth``, for a challenge that cannot be met.
        """
        with self._lock:
            if self._secret is not None and stale != self.header:
                return True
            self.challenge(header)
            if self._challenge is None:
                return False  # Basic needs a login; the 401 is the answer
            self._secret, life = _read_token(get(_token_url(self._challenge, self.scope)))
            self._expires = time.monotonic() + max(life - _EARLY_S, life / 2)
            return True


def _token_url(challenge: Challenge, scope: str) -> str:
    realm = challenge.parameters.get("realm", "")
    scheme, host, _ = origin_of(realm)
    loopback = host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None
    if not host or (scheme != "https" and not (scheme == "http" and loopback)):
        raise RegtoolsError(
            f"the registry sends its clients to {realm!r} for a token, which is not an https address",
            kind="auth",
            stage="pull",
            hint="tokens are fetched over https only",
        )
    query = [("service", challenge.parameters["service"])] if "service" in challenge.parameters else []
    return f"{realm}{'&' if '?' in realm else '?'}{urlencode([*query, ('scope', scope)])}"


def _read_token(body: bytes) -> tuple[str, float]:
    """Give the token and its life in seconds; the error must not quote the body, which may hold a secret."""
    try:
        answer = json.loads(body)
        token = answer.get("token") or answer.get("access_token")
        life = float(answer.get("expires_in") or TOKEN_LIFE_S)
    except (ValueError, AttributeError, TypeError, RecursionError):
        token, life = None, 0.0
    if not isinstance(token, str) or re.fullmatch(r"[\x21-\x7e]+", token) is None:
        raise RegtoolsError(
            "the token service answered without a usable token", kind="auth", stage="pull"
        ) from None
    return token, max(life, TOKEN_LIFE_S)
