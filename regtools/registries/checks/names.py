"""The search list and the aliases: what they hide, and what cannot work.

Source: containers-registries.conf(5), "Short-name aliasing" and "Unqualified search registries".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import RegtoolsError
from ...reference import HUB, is_qualified
from .finding import NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config import RegistriesConf
    from ..schema import Path
    from .sheet import Sheet

__all__ = ["modes", "search_list", "shown_aliases"]

ANSWERS = "podman reads this file for short names only, and they all fail; full names still work"
SEARCH = "unqualified-search-registries"


def search_list(sheet: Sheet) -> Iterator[Finding]:
    """Yield search list entries that lead elsewhere than they seem, and doubles."""
    document = sheet.document
    if document is None:
        return
    old: Path = ("registries", "search", "registries")
    path = old if document.settings.old_format else (SEARCH,)
    seen: set[str] = set()
    for index, host in enumerate(document.settings.search or ()):
        here = (*path, index)
        written = sheet.value(here)
        if not isinstance(written, str) or written.rstrip("/") != host or not host:
            continue  # refused items shift the rest, and are said elsewhere
        if not is_qualified(host) and "/" not in host and "://" not in host:
            message = (
                f"{host!r} has no dot or port, so {host}/NAME is looked for at Docker Hub: {HUB}/{host}/NAME"
            )
            hint = "write the registry's full host name"
            yield sheet.finding(WARNING, "search-without-dot", message, here, hint=hint)
        if host in seen:
            message = f"{host!r} is in the search list twice, and would be tried twice"
            yield sheet.finding(NOTE, "duplicate-search", message, here, hint="keep the first")
        seen.add(host)


def modes(view: RegistriesConf, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Note what enforcing means for scripts."""
    hosts = view.unqualified_search_registries
    if view.short_name_mode != "enforcing" or len(hosts) < 2:
        return
    where = view.setting_place("short-name-mode")
    sheet = next((s for s in reversed(sheets) if where and s.file == where.file), None)
    if sheet is None:
        return
    message = (
        f"with short-name-mode enforcing and {len(hosts)} search registries, short names fail where there is "
        "no terminal to ask on: in scripts, cron, CI and systemd units"
    )
    hint = "use full names or aliases there; with one search registry nobody is asked"
    yield sheet.finding(NOTE, "enforcing-no-terminal", message, ("short-name-mode",), hint=hint)


def shown_aliases(view: RegistriesConf, sheets: tuple[Sheet, ...]) -> Iterator[Finding]:
    """Note which names the search list does not decide, and remembered answers that beat the files."""
    if view.unqualified_search_registries and view.aliases:
        for sheet in sheets:
            mine = sheet.document.settings.aliases if sheet.document else {}
            names = [name for name in mine if view.aliases.get(name) == mine[name]]
            if names:
                shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                message = (
                    f"the search list is not used for {shown}: an alias decides, and nothing else is tried"
                )
                path = ("aliases", names[0])
                yield sheet.finding(NOTE, "alias-hides-search", message, path, at_key=True)
    try:
        remembered = view.remembered
        document = view.alias_document
    except RegtoolsError as error:
        yield replace(Finding.of(error), hint=f"{error.hint + '; ' if error.hint else ''}{ANSWERS}")
        return
    for name, target in remembered.items():
        if document and name in view.aliases and target != view.aliases[name]:
            message = (
                f"podman remembers {name!r} as {target or 'nothing'!r}, which wins over the alias "
                f"{view.aliases[name]!r} ({view.setting_place('aliases', name)})"
            )
            hint = "to cancel the answer once given at the prompt, remove this line"
            where = document.place(("aliases", name), at_key=True)
            yield Finding(NOTE, "remembered-alias", message, where, hint)
