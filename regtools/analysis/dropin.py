"""An advised order as text: entries of registries.conf, and in comments what they rest on."""

from __future__ import annotations

from regtools import __version__
from regtools.registries.convert import quote

from .expected import FAILURE_S, SILENCE_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from regtools.registries.config import RegistriesConf
    from regtools.registries.entries import Registry

    from .choosing import Choice

__all__ = ["dropin"]

_WIDTH = 98
_NAMED, _TOLD = 8, 40  # vantage points named, lines about them: a file for a thousand hosts stays readable


def dropin(
    table: pd.DataFrame, state: str, made: list[Choice], refused: list[str], conf: RegistriesConf
) -> str:
    """Write the entries, each whole, since a drop-in replaces an entry as a whole.

    Args:
        table: the pulls that counted.
        state: of the caches in them.
        made: the choices.
        refused: why other entries stay as they are.
        conf: the configuration in force.
    """
    lines = ["# Mirrors in the order in which a pull is expected to take the least time."]
    lines += _comment(f"Made by regtools {__version__} from measurements: {_origin(table, state)}.")
    lines += _comment(
        f"Expected times count failures: one by silence costs podman {SILENCE_S:g} s, another kind what was "
        f"measured, else {FAILURE_S:g} s."
    )
    for text in refused:
        lines += _comment(f"Left as it is: {text}.")
    for choice in made:
        lines += ["", *_about(choice, conf), *_entry(choice.entry, choice.after)]
    return "\n".join(lines) + "\n"


def _origin(table: pd.DataFrame, state: str) -> str:
    import pandas as pd

    begun = pd.to_datetime(table["started_at"], utc=True, errors="coerce").dropna()
    when = (
        f"{begun.min():%Y-%m-%d %H:%M} to {begun.max():%Y-%m-%d %H:%M} UTC"
        if len(begun)
        else "time not recorded"
    )
    versions = table["client_version"].astype("string").fillna("").unique()
    client = f"{table['client'].iloc[0]} {versions[-1]}".strip() or "client not recorded"
    vantages = sorted(set(map(str, table["vantage"])))
    more = f" and {len(vantages) - _NAMED} more" if len(vantages) > _NAMED else ""
    where = f" at {', '.join(vantages[:_NAMED])}{more}" if any(vantages) else ""
    failed = int((~table["ok"]).sum())
    rounds = table["block"].nunique()
    caches = f", {state} caches" if state != "unknown" else ""
    return f"{when}{where}, {len(table)} pulls ({failed} failed) in {rounds} rounds, {client}{caches}"


def _about(choice: Choice, conf: RegistriesConf) -> Iterator[str]:
    place = conf.place(choice.entry.prefix)
    known = f" Replaces the entry at {place}." if place.file else ""
    yield from _comment(
        f"Expected {choice.after_s:.3g} s a pull instead of {choice.before_s:.3g} s: "
        f"{choice.gain_s:.3g} s less ({choice.low:.3g} to {choice.high:.3g} s).{known}"
    )
    yield from _comment(f"Images: {', '.join(choice.images)}.")
    for told in choice.told[:_TOLD]:
        yield from _comment(f"- {told}")
    if len(choice.told) > _TOLD:
        yield from _comment(f"- and {len(choice.told) - _TOLD} more")


def _entry(entry: Registry, order: tuple[int, ...]) -> Iterator[str]:
    yield "[[registry]]"
    yield f"prefix = {quote(entry.prefix)}"
    if entry.location:
        yield f"location = {quote(entry.location)}"
    flags = {
        "insecure": entry.insecure,
        "blocked": entry.blocked,
        "mirror-by-digest-only": entry.mirror_by_digest_only,
    }
    yield from (f"{name} = true" for name, value in flags.items() if value)
    for index in order:
        mirror = entry.mirrors[index]
        yield ""
        yield "[[registry.mirror]]"
        yield f"location = {quote(mirror.location)}"
        if mirror.insecure:
            yield "insecure = true"
        if mirror.pull_from_mirror:
            yield f"pull-from-mirror = {quote(mirror.pull_from_mirror)}"


def _comment(text: str) -> list[str]:
    import textwrap

    from regtools.snippet import visible

    hang = "#   " if text.startswith("- ") else "# "
    return textwrap.wrap(
        visible(text).replace("\t", " "),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent=hang,
        break_on_hyphens=False,
        break_long_words=False,
    )
