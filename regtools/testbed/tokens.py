"""Tokens, as Docker Hub wants them even from those who have no account.

A request without a token is answered with 401 and a challenge that names a *realm* (where tokens are given)
and a *scope* (for what). The realm answers anybody with a token for one repository, which opens that
repository, and ``/v2/``. Source: the distribution project's token authentication specification.

Tokens are not remembered but computed: the repository's name, signed with a key that lives as long as the
registry. Nothing here guards a secret; it lets a client practise what it must do elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["Tokens"]

LIFE_S = 300  # what is promised; they are good until the registry ends
SERVICE = "registry.test"
HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+")
SCOPE = re.compile(r"repository:(?P<name>[a-z0-9._/-]+):(?:.*,)?(?:pull|\*)(?:,.*)?")


class Tokens:
    """Gives and checks the tokens of one registry."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def challenge(self, host: str, name: str | None) -> str:
        """Give the ``WWW-Authenticate`` header for a request to ``host`` about repository ``name``."""
        host = host if HOST.fullmatch(host) else "127.0.0.1"
        scope = f"repository:{name}:pull"
        asked = f',scope="{scope}"' if name and SCOPE.fullmatch(scope) else ""
        return f'Bearer realm="http://{host}/token",service="{SERVICE}"{asked}'

    def grant(self, scopes: Iterable[str]) -> dict[str, Any]:
        """Give the realm's answer: a token for the first scope that is a pull, else for no repository."""
        names = (match["name"] for scope in scopes if (match := SCOPE.fullmatch(scope)))
        name = next(names, "")
        return {"token": f"{name}~{self._signature(name)}", "expires_in": LIFE_S}

    def open(self, authorization: str, name: str | None) -> bool:
        """Say whether the ``Authorization`` header opens repository ``name``, or what belongs to none."""
        scheme, _, token = authorization.partition(" ")
        granted, _, signature = token.strip().rpartition("~")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            signature.encode(), self._signature(granted).encode()
        ):
            return False
        return name is None or name == granted

    def _signature(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:32]
