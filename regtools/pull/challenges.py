"""What a 401 says, and what the token service answers: read here, loaded only when a registry asks.

``WWW-Authenticate`` is RFC 9110, section 11.6.1; the token protocol is the distribution project's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from regtools.errors import RegtoolsError

from .auth import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Challenge", "parse_challenges", "read_token", "token_url"]

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


def token_url(challenge: Challenge, scope: str) -> str:
    """Give the URL of a token; only an https one, or a loopback one, is asked for secrets.

    Raises:
        RegtoolsError: kind ``auth``.
    """
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


def read_token(body: bytes) -> tuple[str, float]:
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
