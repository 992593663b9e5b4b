"""Answers to an exercise that are a ``registries.conf``: compared by what podman makes of them.

Two files are the same answer when the names that the exercise asks about lead to the same places, and when
the same is refused or passed over in silence. So a reader may write a repair in any way that works.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import RegtoolsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .registries.checks import Finding
    from .registries.config import RegistriesConf

__all__ = ["Meaning", "Refused", "explain", "meaning"]

PODMAN = "6"  # the strictest release: what it accepts, the others accept too, but for TOML 1.1


@dataclass(frozen=True, slots=True)
class Refused:
    """A file at which podman stops; equal when it stops for the same reason."""

    code: str
    told: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a file means: each name's places in order or why it has none, and codes of what has no effect."""

    places: tuple[tuple[str, tuple[object, ...]], ...]
    silent: tuple[str, ...]
    told: str = field(compare=False)


def meaning(text: str, names: tuple[str, ...]) -> Meaning | Refused:
    """Read a file as podman 6 would, and ask it about ``names``. Never raises for a bad file."""
    from .registries.checks import ERROR, WARNING, check_texts
    from .registries.config import RegistriesConf
    from .registries.releases import release

    try:
        conf = RegistriesConf.from_toml(text, podman=PODMAN)
    except RegtoolsError as error:
        found = check_texts(release(PODMAN), [("registries.conf", text, False)]).findings
        worst = next((each for each in found if each.severity == ERROR), None)
        told = _told(worst) if worst else error.message
        return Refused(worst.code if worst else error.label, told)
    warnings = [each for each in conf.check() if each.severity == WARNING]
    codes = tuple(sorted(each.code for each in warnings))
    return Meaning(
        tuple((name, _places(conf, name)) for name in names), codes, _told(warnings[0]) if warnings else ""
    )


def explain(given: Meaning | Refused, wanted: Meaning | Refused) -> str:
    """Say what is still to do, to somebody whose file is not the wanted one."""
    if isinstance(given, Refused):
        return f"podman refuses this file: {given.told}"
    if isinstance(wanted, Meaning) and given.places == wanted.places:
        return f"the places are right, but something has no effect: {given.told}"
    if given.told:
        return f"podman accepts this file, but {given.told}"
    expected = dict(wanted.places) if isinstance(wanted, Meaning) else {}
    for name, places in given.places:
        if places != expected.get(name):
            return f"for {name} podman would now try {_shown(places)}; that is not what is wanted"
    return "podman accepts this file, but it means something else; open a hint below"


def _places(conf: RegistriesConf, name: str) -> tuple[object, ...]:
    try:
        found = conf.resolve(name)
    except RegtoolsError as error:
        return (error.kind,)
    return tuple(
        candidate.failed or tuple((s.reference, s.insecure, s.blocked) for s in candidate.sources)
        for candidate in found.candidates
    )


def _shown(places: tuple[object, ...]) -> str:
    """Give the places in words, in order."""
    words: list[str] = []
    for candidate in places:
        if isinstance(candidate, str):
            words.append(f"nothing ({candidate})")
            continue
        assert isinstance(candidate, tuple)
        for reference, insecure, blocked in candidate:
            notes = [word for word, so in (("insecure", insecure), ("blocked", blocked)) if so]
            words.append(f"{reference} ({', '.join(notes)})" if notes else reference)
    return ", then ".join(words)


def _told(finding: Finding) -> str:
    line = f"line {finding.where.line}: " if finding.where and finding.where.line else ""
    return f"{line}{finding.message}"
