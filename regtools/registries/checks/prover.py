"""Fixes are tried before they are shown.

A fix is applied to a copy in memory, alone and together with the others, and the copy is checked by the same
release's rules. It is kept if its finding is gone and no error or warning is new. What only shows in the
merged configuration may be new if podman refused the files before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from regtools.errors import RegtoolsError

from ..resolve import resolve
from ..settings import Settings
from .finding import Finding
from .fixes import Fix, OverlapError, apply_all, compatible
from .rules import NOTE, WHOLE, rule

Check = Callable[[dict[str | None, str]], "State"]


MOST_ALONE = 200  # more fixes than this are tried together only
_MOST_CHARACTERS = 2_000_000  # and so are fixes if trying each alone would read more than this
_WAITS = "this fix waits for the next run: another one changes the same text"


class State(NamedTuple):
    """What a check knows: its findings, what is in force, and whether podman accepts the files."""

    findings: list[Finding]
    view: Settings
    sound: bool


def prove(before: State, check: Check) -> list[Finding]:
    """Return the findings with the fixes that have been proven.

    Args:
        before: the state of the files.
        check: checks the files again, with some texts replaced.
    """
    fixes = list(dict.fromkeys(finding.fix for finding in before.findings if finding.fix))
    if not fixes:
        return before.findings
    few = len(fixes) <= MOST_ALONE and sum(len(fix.source) for fix in fixes) <= _MOST_CHARACTERS
    alone = {fix: tried for fix in fixes if (tried := _tried(before, [fix], check))} if few else {}
    chosen = set(_together(before, list(alone) if few else fixes, check, one_by_one=few))
    kept = []
    for finding in before.findings:
        fix, hint = finding.fix, finding.hint
        if fix in alone:
            fix = replace(fix, effect=_effect(before, alone[fix]), waits=fix not in chosen)
            if fix.waits:
                hint = f"{hint}; {_WAITS}" if hint else _WAITS
        elif fix not in chosen:
            fix = None
        kept.append(replace(finding, fix=fix, hint=hint))
    return kept


def _tried(before: State, fixes: list[Fix], check: Check) -> State | None:
    """Return the state after some fixes; None if one is without effect, or brings something new."""
    try:
        after = check(apply_all(fixes))
    except OverlapError:
        return None
    old, new = _counted(before.findings), _counted(after.findings)
    notes = {finding.code for finding in after.findings if finding.severity == NOTE}
    tried = set(fixes)
    wanted = _counted(finding for finding in before.findings if finding.fix in tried)
    if any(new[key] > old[key] - number for key, number in wanted.items()):
        return None
    added = [key for key in new if new[key] > old[key] and key[1] not in notes]
    hidden = not before.sound and all(rule(code).looks_at == WHOLE for _, code in added)
    return after if not added or hidden else None


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str | None, str]]:
    return Counter((finding.where.file if finding.where else None, finding.code) for finding in findings)


def _together(before: State, fixes: list[Fix], check: Check, *, one_by_one: bool) -> list[Fix]:
    """Return fixes that can be applied at once: those after which the fewest findings are left.

    If they cannot all be applied, they are added one by one, or the fixes of one rule after the other.
    """
    orders = [compatible(fixes), compatible(fixes, largest=True)]
    tried = [(len(after.findings), order) for order in orders if (after := _tried(before, order, check))]
    if tried:
        return min(tried, key=lambda one: one[0])[1]
    codes = {finding.fix: finding.code for finding in before.findings}
    groups: dict[object, list[Fix]] = {}
    for fix in orders[0]:
        groups.setdefault(fix if one_by_one else codes[fix], []).append(fix)
    chosen: list[Fix] = []
    for group in groups.values():
        if _tried(before, [*chosen, *group], check):
            chosen += group
    return chosen


def _effect(before: State, after: State) -> str | None:
    """Return where names lead now, for the first entry, alias or search list that is another one."""
    if not after.sound:
        return None
    old, new = before.view, after.view
    entries = {entry.prefix: entry for entry in old.registries} if before.sound else {}
    changed = [entry.prefix for entry in new.registries if entries.get(entry.prefix) != entry]
    names = [f"{prefix.replace('*', 'any', 1)}/image" for prefix in changed]
    names += [name for name, target in new.aliases.items() if old.aliases.get(name) != target]
    if old.unqualified_search_registries != new.unqualified_search_registries:
        names.append("image")
    for name in names:
        now = _sources(new, name)
        if now and (not before.sound or now != _sources(old, name)):
            return f"after this, {name} comes from {', then '.join(now)}"
    return None


def _sources(view: Settings, name: str) -> list[str]:
    try:
        found = resolve(view, name).candidates
    except RegtoolsError:
        return []
    return [
        source.reference.removesuffix(":latest")
        for candidate in found
        for source in candidate.sources
        if not source.blocked
    ]
