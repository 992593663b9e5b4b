"""What a 401 says, and what the token service answers: read here, loaded only when a registry asks.

``WWW-Authenticate`` is RFC 9110, section 11.6.1; the token protocol is the distribution project's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from regtools.errors import RegtoolsError

from .auth import Grant, origin_of
from .secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .auth import Login

__all__ = ["Challenge", "Order", "order_token", "parse_challenges", "read_token"]

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
