"""Configurations whose places are loopback ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regtools.registries.conf import RegistriesConf


def leading_to(primary: str, **more: Any) -> RegistriesConf:
    """Names below ``primary`` are pulled from ``mirrors`` in order, then from ``primary`` itself."""
    return RegistriesConf.from_toml(text_leading_to(primary, **more))


def text_leading_to(
    primary: str, *, mirrors: Sequence[str] = (), insecure: bool = True, blocked: bool = False
) -> str:
    """The same as a file's text."""
    flag = f"insecure = {str(insecure).lower()}\n"
    text = f'[[registry]]\nlocation = "{primary}"\n{flag}blocked = {str(blocked).lower()}\n'
    for mirror in mirrors:
        text += f'[[registry.mirror]]\nlocation = "{mirror}"\n{flag}'
    return text
