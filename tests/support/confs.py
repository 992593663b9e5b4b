"""Configurations whose places are loopback ports."""

from __future__ import annotations

from collections.abc import Sequence

from regtools.registries.config import RegistriesConf


def leading_to(
    primary: str, *, mirrors: Sequence[str] = (), insecure: bool = True, blocked: bool = False
) -> RegistriesConf:
    """Names below ``primary`` are pulled from ``mirrors`` in order, then from ``primary`` itself."""
    flag = f"insecure = {str(insecure).lower()}\n"
    text = f'[[registry]]\nlocation = "{primary}"\n{flag}blocked = {str(blocked).lower()}\n'
    for mirror in mirrors:
        text += f'[[registry.mirror]]\nlocation = "{mirror}"\n{flag}'
    return RegistriesConf.from_toml(text)
