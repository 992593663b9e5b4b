"""Challenges and tokens: what a registry asks for, and how to get it without ever showing it.

The token protocol is that of the distribution project ("Docker Registry v2 authentication"): a 401 names a
realm, a service and a scope; a GET to the realm answers with a token. Without credentials the token is an
anonymous one, which is what public images need.

A token lives in an :class:`Authorizer` only. It is sent to the scheme, host and port that asked for it,
never to another; it is in no row, no message and no repr.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .challenges import Challenge

__all__ = ["Authorizer", "origin_of"]

_EARLY_S = 5.0  # renew so long before the end: the request still has to travel
_PORTS = {"http": 80, "https": 443}


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
        from .challenges import parse_challenges

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
        from .challenges import read_token, token_url

        with self._lock:
            if self._secret is not None and stale != self.header:
                return True
            self.challenge(header)
            if self._challenge is None:
                return False  # Basic needs a login; the 401 is the answer
            self._secret, life = read_token(get(token_url(self._challenge, self.scope)))
            self._expires = time.monotonic() + max(life - _EARLY_S, life / 2)
            return True
