"""``advise``: measured pulls and a configuration in, its mirrors in the order expected to be fastest out.

Only the mirrors of each ``[[registry]]`` entry that the measured images go through change their order.
Nothing is added, nothing is removed, no flag changes: which sources may be asked at all is not a question of
speed. The registry itself stays last, where podman asks it in any case.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from regtools.display import visible
from regtools.pull.records import Pull
from regtools.registries.conf import RegistriesConf
from regtools.registries.writing import entries_toml
from regtools.version import __version__

from ..measurements import period
from ..pairing import plural
from .choice import Choice, best, decide, described, ending, without_mirrors
from .expected import FAILURE_S, SILENCE_S
from .mirrors import Case, Evidence, NoChoice, cases, evidence, no_advice
from .vantages import Advice, common

SEED = 20
_WIDTH = 98
_NAMED, _LINES = 8, 40  # vantage points named, lines about them: a file for a thousand hosts stays readable


def advise(
    pulls: pd.DataFrame | Iterable[Pull],
    conf: RegistriesConf,
    *,
    requests: pd.DataFrame | None = None,
    cache_state: str | None = None,
    by: str | None = None,
    seed: int = SEED,
) -> str | Advice:
    """Write a drop-in for ``registries.conf`` with the mirrors in the order of least expected time.

    Args:
        pulls: the pulls frame of a campaign, or pulls: each mirror measured alone, as a place of its own, in
            at least ten rounds. Which place is which mirror: :mod:`regtools.analysis.advice.mirrors`.
        conf: the configuration in force.
        requests: the requests frame of the same journal; it shows what failures cost.
        cache_state: ``cold`` or ``warm``; None for cold where both were measured.
        by: ``"vantage"`` for one file a vantage point, and the one that is best for all.
        seed: of the bootstrap.

    Returns: TOML text with the entries whose order changes, and comments that say when they were measured,
        from what, and what is gained. As a drop-in it replaces those entries; everything else stays as it is.
        Where no other order is surely faster, the text is comments only: what was compared, and the result.
        With ``by`` an :class:`~regtools.analysis.advice.vantages.Advice`.

    Raises:
        RegtoolsError: kind ``no-advice``: nothing could be compared, and the message says why.
            Kind ``bad-table``: these are not measurements.
    """
    if by not in (None, "vantage"):
        raise no_advice([f"files cannot be written by {by!r}"], 'the only column to keep apart is "vantage"')
    found = evidence(pulls, requests, cache_state)
    if by is not None:
        return _each(found, conf, seed)
    if len(found.vantages) > 1:
        reason = f"the pulls are of several vantage points ({', '.join(found.vantages)})"
        hint = 'by="vantage" (regtools advise --by vantage) writes a file for each, and the best for all'
        raise no_advice([reason], hint)
    judged, refused = cases(found, conf)
    if not judged:
        raise no_advice(refused)
    orders = {prefix: best([case]) for prefix, case in judged.items()}
    made, kept = _choices(judged, orders, seed)
    slower = list(_slower(judged, orders, seed))
    if not made:
        return _unchanged(found, judged, [*slower, *(f"No change: {reason}." for reason in kept)], refused)
    return _dropin(found, made, [*refused, *kept], conf, slower)


def _choices(
    judged: Mapping[str, Case], orders: Mapping[str, list[int]], seed: int
) -> tuple[list[Choice], list[str]]:
    """Choose an order for each entry; return the choices, and why other entries have none."""
    made, refused = [], []
    for prefix, case in judged.items():
        lines = described(case, [*orders[prefix], *ending([case])])
        try:
            made.append(decide([case], orders[prefix], lines, seed=seed))
        except NoChoice as reason:
            refused.append(f"{prefix}: {reason}")
    return made, refused


def _slower(judged: Mapping[str, Case], orders: Mapping[str, list[int]], seed: int) -> Iterator[str]:
    """Yield the entries whose registry is surely faster without any mirror."""
    for prefix, case in judged.items():
        if times := without_mirrors(case, orders[prefix], seed=seed):
            alone, mirrored = times
            way = "the best order" if len(orders[prefix]) > 1 else "its only one"
            yield (
                f"No mirror of {prefix} is faster than none: {alone:.3g} s a pull without mirrors against "
                f"{mirrored:.3g} s with {way}."
            )


def _each(found: Evidence, conf: RegistriesConf, seed: int) -> Advice:
    """Advise every vantage point, and all together."""
    if not any(found.vantages):
        raise no_advice(["no vantage points are recorded"], "leave out by: one file for this machine")
    files: dict[str, str] = {}
    refused: dict[str, tuple[str, ...]] = {}
    judged: dict[str, dict[str, Case]] = {}
    own: dict[str, dict[str, list[int]]] = {}
    for vantage in found.vantages:
        here = found.at(vantage)
        judged[vantage], why = cases(here, conf)
        own[vantage] = {prefix: best([case]) for prefix, case in judged[vantage].items()}
        made, more = _choices(judged[vantage], own[vantage], seed)
        if made:
            files[vantage] = _dropin(here, made, [*why, *more], conf)
        else:
            refused[vantage] = (*why, *more)
    if not any(judged.values()):
        raise no_advice(f"{vantage}: {'; '.join(why)}" for vantage, why in refused.items())
    made, reasons, costs = common(judged, own, seed=seed)
    for_all = _dropin(found, made, reasons, conf) if made else None
    return Advice(files, refused, for_all, tuple(reasons), costs)


# -- the file --------------------------------------------------------------------------------------------


def _dropin(
    found: Evidence, made: list[Choice], refused: list[str], conf: RegistriesConf, slower: Sequence[str] = ()
) -> str:
    """Write the chosen entries, each whole, since a drop-in replaces an entry as a whole."""
    lines = [
        *(line for text in (*slower, *map(_verdict, made)) for line in _comment(text)),
        *_comment(f"Made by regtools {__version__} from measurements: {_origin(found)}."),
        *_comment(
            f"Expected times count failures: one by silence costs podman {SILENCE_S:g} s, another kind what "
            f"was measured, else {FAILURE_S:g} s."
        ),
        *(line for reason in refused for line in _comment(f"Left as it is: {reason}.")),
    ]
    for choice in made:
        mirrors = tuple(choice.entry.mirrors[index] for index in choice.after)
        lines += ["", *_about(choice, conf), entries_toml([choice.entry._replace(mirrors=mirrors)])]
    return "\n".join(lines) + "\n"


def _verdict(choice: Choice) -> str:
    first = choice.entry.mirrors[choice.after[0]].location
    both = f"{choice.after_s:.3g} s a pull instead of {choice.before_s:.3g} s"
    return f"{choice.entry.prefix}: with {first} first, {both} are expected."


def _unchanged(found: Evidence, judged: Mapping[str, Case], results: list[str], refused: list[str]) -> str:
    """Write what was compared, where nothing needs to change."""
    lines = [line for text in results for line in _comment(text)]
    lines += _comment(f"Compared by regtools {__version__}: {_origin(found)}.")
    for case in judged.values():
        told = described(case, [*case.now, *ending([case])])
        lines += [line for text in told for line in _comment(f"- {text}")]
    lines += [line for reason in refused for line in _comment(f"Not compared: {reason}.")]
    return "\n".join(lines) + "\n"


def changes(advice: str) -> bool:
    """Return whether the text of :func:`advise` changes an order; comments alone change nothing."""
    return any(line and not line.startswith("#") for line in advice.splitlines())


def _origin(found: Evidence) -> str:
    table, vantages = found.table, found.vantages
    times = period(table)
    when = " to ".join(f"{each:%Y-%m-%d %H:%M}" for each in times) + " UTC" if times else "time not recorded"
    versions = table["client_version"].astype("string").fillna("").unique()
    client = f"{table['client'].iloc[0]} {versions[-1]}".strip() or "client not recorded"
    more = f" and {len(vantages) - _NAMED} more" if len(vantages) > _NAMED else ""
    where = f" at {', '.join(vantages[:_NAMED])}{more}" if any(vantages) else ""
    pulls = f"{plural(len(table), 'pull')} ({int((~table['ok']).sum())} failed)"
    rounds = plural(table["block"].nunique(), "round")
    caches = f", {found.state} caches" if found.state != "unknown" else ""
    return f"{when}{where}, {pulls} in {rounds}, {client}{caches}"


def _about(choice: Choice, conf: RegistriesConf) -> Iterator[str]:
    place = conf.place(choice.entry.prefix)
    known = f" Replaces the entry at {place}." if place.file else ""
    yield from _comment(
        f"Expected {choice.after_s:.3g} s a pull instead of {choice.before_s:.3g} s: "
        f"{choice.before_s - choice.after_s:.3g} s less ({choice.low:.3g} to {choice.high:.3g} s).{known}"
    )
    yield from _comment(f"Images: {', '.join(choice.images)}.")
    more = len(choice.lines) - _LINES
    for line in [*choice.lines[:_LINES], *([f"and {more} more"] if more > 0 else [])]:
        yield from _comment(f"- {line}")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        visible(text.replace("\t", " ")),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="#   " if text.startswith("- ") else "# ",
        break_on_hyphens=False,
        break_long_words=False,
    )
