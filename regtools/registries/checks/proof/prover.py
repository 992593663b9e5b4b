"""Fixes are tried before they are shown.

A fix is applied to a copy in memory, alone and together with the others, and the copy is checked by the same
release's rules. It is kept if its finding is gone and no error or warning is new. What only shows in the
merged configuration may be new if podman refused the files before. Together, the fixes must leave alone all
names that none of them touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from ...settings import Settings
from ..finding import Finding
from ..fixes import Edit, Fix, OverlapError, apply_all, compatible
from ..lenient import Sheet
from ..rules import NOTE, WHOLE, rule
from .probes import SHORT, effect, leads, probes, shifted, touched

Check = Callable[[dict[str | None, str]], "State"]


# A table with one of these has not been looked into: what is wrong there shows when it is mended.
HIDING = frozenset({"table-for-list"})
MOST_ALONE = 200  # more fixes than this are tried together only
_MOST_CHARACTERS = 300_000  # and so are fixes if trying each alone would read more than this
AFTER, TOGETHER, MENDED = "after this", "with the other fixes", "once the other errors are mended"
UNKNOWN = "what this changes shows once the other errors are mended"
_WAITS = "another fix changes the same text, so this one waits for the next run; check --fix applies both"


class State(NamedTuple):
    """What a check knows: its findings, what is in force, and whether podman accepts the files."""

    findings: list[Finding]
    view: Settings
    sound: bool
    sheets: tuple[Sheet, ...]

    @property
    def told(self) -> bool:
        """Whether no fault hides what follows it."""
        return all(sheet.raw is not None for sheet in self.sheets)


def prove(before: State, check: Check) -> list[Finding]:
    """Return the findings with the fixes that have been proven.

    Args:
        before: the state of the files.
        check: checks the files again, with some texts replaced.
    """
    fixes = list(dict.fromkeys(finding.fix for finding in before.findings if finding.fix))
    others = list(dict.fromkeys(fix for finding in before.findings for fix in finding.alternatives))
    if not fixes and not others:
        return before.findings
    few = len(fixes) <= MOST_ALONE and sum(len(fix.source) for fix in fixes) <= _MOST_CHARACTERS
    alone = {fix: after for fix in fixes if (after := _tried(before, [fix], check))} if few else {}
    choices = {fix: after for fix in others[:MOST_ALONE] if (after := _tried(before, [fix], check))}
    chosen, together = _together(before, list(alone) if few else fixes, check, one_by_one=few)
    whole = _Touched(before, together, chosen)
    with_others = TOGETHER if len(chosen) > 1 else AFTER
    told: dict[Fix, str | None] = {fix: whole.effect(fix, with_others) for fix in chosen}
    for fix, after in (alone | choices).items():
        if after.sound or fix not in told:
            told[fix] = _Touched(before, after, [fix]).effect(fix, AFTER)
    applied = set(chosen)
    return [_shown(finding, told, applied) for finding in before.findings]


def _shown(finding: Finding, told: dict[Fix, str | None], chosen: Collection[Fix]) -> Finding:
    """Return a finding with the fixes that have been proven, and what they change."""
    fix, hint = finding.fix, finding.hint
    if fix is not None:
        fix = replace(fix, effect=told[fix], waits=fix not in chosen) if fix in told else None
    if fix and fix.waits:
        hint = f"{hint}; {_WAITS}" if hint else _WAITS
    others = tuple(replace(each, effect=told[each]) for each in finding.alternatives if each in told)
    return replace(finding, fix=fix, hint=hint, alternatives=others)


def _tried(before: State, fixes: list[Fix], check: Check) -> State | None:
    """Return the state after some fixes; None if one is without effect, or brings something new."""
    try:
        after = check(apply_all(fixes))
    except OverlapError:
        return None
    old, new = _counted(before.findings), _counted(after.findings)
    notes = {finding.code for finding in after.findings if finding.severity == NOTE}
    tried = set(fixes)
    wanted = _counted(
        finding
        for finding in before.findings
        if finding.fix in tried or not tried.isdisjoint(finding.alternatives)
    )
    if any(new[key] > old[key] - number for key, number in wanted.items()):
        return None
    added = [key for key in new if new[key] > old[key] and key[1] not in notes]
    hidden = not before.sound and all(rule(code).looks_at == WHOLE for _, code in added)
    uncovered = any(code in HIDING for _, code in wanted) and after.told
    return after if not added or hidden or uncovered else None


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str | None, str]]:
    return Counter((finding.where.file if finding.where else None, finding.code) for finding in findings)


def _together(before: State, fixes: list[Fix], check: Check, *, one_by_one: bool) -> tuple[list[Fix], State]:
    """Return fixes that can be applied at once, and the state after them: the fewest findings are left.

    If they cannot all be applied, they are added one by one, or the fixes of one rule after the other.
    """
    orders = [compatible(fixes), compatible(fixes, largest=True)]
    orders = orders[: 1 + (set(orders[0]) != set(orders[1]))] if fixes else []
    tried = [(order, after) for order in orders if (after := _all_tried(before, order, check))]
    if tried:
        return min(tried, key=lambda one: len(one[1].findings))
    codes = {finding.fix: finding.code for finding in before.findings}
    groups: dict[object, list[Fix]] = {}
    for fix in orders[0] if orders else ():
        groups.setdefault(fix if one_by_one else codes[fix], []).append(fix)
    chosen: list[Fix] = []
    state = before
    for group in groups.values():
        if after := _all_tried(before, [*chosen, *group], check):
            chosen, state = [*chosen, *group], after
    return chosen, state


def _all_tried(before: State, fixes: list[Fix], check: Check) -> State | None:
    """Try fixes at once; names that none of them touches must lead where they led."""
    after = _tried(before, fixes, check)
    if after is None or not (before.sound and after.sound):
        return after
    names = set(chain(probes(before.view), probes(after.view)))
    names.difference_update(_Touched(before, after, fixes).names(fixes))
    moved = any(leads(before.view, name) != leads(after.view, name) for name in names)
    return None if moved else after


class _Touched:
    """What fixes touch, before and after some of them have been applied."""

    def __init__(self, before: State, after: State, applied: Iterable[Fix]) -> None:
        self.before, self.after = before, after
        edits: dict[str | None, set[Edit]] = {}
        for fix in applied:
            edits.setdefault(fix.file, set()).update(fix.edits)
        self._shifts = {file: shifted(each) for file, each in edits.items()}

    def names(self, fixes: Iterable[Fix]) -> Iterator[str]:
        """Yield a name for each thing that some of the fixes touch."""
        for fix in fixes:
            late = self._shifts[fix.file]
            ranges = [(edit.start, edit.end) for edit in fix.edits]
            moved = [(late(edit.start), late(edit.start) + len(edit.text)) for edit in fix.edits]
            for state, places in ((self.before, ranges), (self.after, moved)):
                sheet = next(sheet for sheet in state.sheets if sheet.file == fix.file)
                yield from touched(sheet, places)

    def effect(self, fix: Fix, when: str) -> str | None:
        """Return what a fix changes; while podman refuses the files, what it will change as far as they say.

        Args:
            fix: one of those that have been applied.
            when: how the sentence begins if podman reads the files then.
        """
        if not self.after.sound:
            listed = all(
                problem.kind != "bad-search-registry" for s in self.after.sheets for problem in s.problems
            )
            names = (name for name in self.names([fix]) if listed or name != SHORT)
            return effect(None, self.after.view, names, MENDED) or UNKNOWN
        old = self.before.view if self.before.sound else None
        return effect(old, self.after.view, self.names([fix]), when)
