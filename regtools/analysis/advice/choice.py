"""Which order is chosen for an entry, and which pulls count for it.

An order is chosen where its gain over the present one is sure; else the reason is said in words.

An advised order as text: entries of registries.conf, and in comments what they rest on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.registries.writing import quote
from regtools.version import __version__

from ..failures import COLUMNS, failed_attempts
from ..measurements import prepared
from .expected import FAILURE_S, SILENCE_S, best_order, gain
from .mirrors import cases, no_choice, placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import pandas as pd

    from regtools.registries.conf import RegistriesConf
    from regtools.registries.entries import Registry

    from .expected import Measured
    from .mirrors import Case

__all__ = ["SEED", "Choice", "choices", "choose", "costs", "counted", "dropin", "no_advice", "pairs"]

SEED = 20
_CLIENTS = ("podman", "builtin", "skopeo")  # whose times count, if several were measured


@dataclass(frozen=True, slots=True)
class Choice:
    """The order chosen for one entry.

    ``after`` are indices of the entry's mirrors as they should stand. Times in seconds; ``low`` and ``high``
    bound the gain; ``told`` says what was measured.
    """

    entry: Registry
    images: tuple[str, ...]
    after: tuple[int, ...]
    before_s: float
    after_s: float
    low: float
    high: float
    told: tuple[str, ...]

    @property
    def gain_s(self) -> float:
        """Seconds that a pull is expected to take less."""
        return self.before_s - self.after_s


def choices(
    table: pd.DataFrame, conf: RegistriesConf, attempts: pd.DataFrame, *, seed: int = SEED
) -> tuple[list[Choice], list[str]]:
    """Choose an order for each entry; give the choices, and why other entries have none."""
    found, refused = cases(table, conf, attempts)
    made = []
    for prefix, case in found.items():
        try:
            made.append(choose(case, seed=seed))
        except RegtoolsError as error:
            refused.append(f"{prefix}: {error.message}")
    return made, refused


def choose(case: Case, *, seed: int = SEED) -> Choice:
    """Choose the order for one entry.

    Raises:
        RegtoolsError: kind ``no-advice``: the present order is the best, or no gain is sure.
    """
    now = case.now
    then = best_order(case.measured, now, case.end)
    before_s, after_s, saved, low, high = gain(
        case.measured, [*now, *case.end], [*then, *case.end], seed=seed, choices=pairs(now)
    )
    if then == now:
        raise no_choice(
            f"the present order is the best of all: {', '.join(now)}, expected {before_s:.3g} s a pull"
        )
    if low <= 0:
        raise no_choice(
            f"the order {', '.join(then)} would save {saved:.2g} s of {before_s:.3g} s, but that is not "
            f"sure: between {low:.2g} and {high:.2g} s"
        )
    told = tuple(_tell(place, [each[place] for each in case.measured]) for place in [*then, *case.end])
    after = case.seated(case.indices(then))
    return Choice(case.entry, case.images, after, before_s, after_s, low, high, told)


def pairs(places: Sequence[str]) -> int:
    """Give in how many ways two of the places can change their order."""
    return len(places) * (len(places) - 1) // 2


def _tell(place: str, measured: list[Measured]) -> str:
    n, done = (
        int(sum(float(each.sum()) for each in column))
        for column in zip(*((m.n, m.done) for m in measured), strict=True)
    )
    if not done:
        return f"{place}: never done in {n} pulls"
    mean = sum(float(each.time.sum()) for each in measured) / done
    lost = f", a failure costs {max(each.cost for each in measured):.3g} s" if done < n else ""
    return f"{place}: {mean:.3g} s on average, {done} of {n} pulls done{lost}"


# -- what counts -----------------------------------------------------------------------------------------


def counted(pulls: Any, cache_state: str | None) -> tuple[pd.DataFrame, str]:
    """Choose the pulls that count: one client, one state of the caches; cold before warm."""
    table = placed(prepared(pulls))
    client = next((each for each in _CLIENTS if (table["client"] == each).any()), None)
    table = table if client is None else table[table["client"] == client]
    states = sorted(set(map(str, table["cache_state"])))
    if cache_state is not None and cache_state not in states:
        raise no_advice([f"no pulls with {cache_state} caches were measured; there are {', '.join(states)}"])
    state = cache_state or ("cold" if "cold" in states else states[0] if states else "unknown")
    table = table[table["cache_state"] == state]
    if table.empty:
        raise no_advice(["every pull went through several sources, so none of them was measured alone"])
    block = table["campaign"].astype(str) + "\x00" + table["round"].astype(str)
    return table.assign(block=block), state


def costs(pulls: Any, requests: pd.DataFrame | None) -> pd.DataFrame:
    """Give what failed sources cost, from pulls that went on to a next one."""
    import pandas as pd

    if isinstance(pulls, pd.DataFrame) and not {"run_id", "attempts", "ok"} <= set(pulls.columns):
        return pd.DataFrame(columns=list(COLUMNS))
    lost = failed_attempts(pulls, requests)
    return lost[lost["followed"].astype(bool)]


def no_advice(
    reasons: list[str], hint: str = "measure every mirror alone, all in turn, in ten rounds or more"
) -> RegtoolsError:
    """Say why nothing can be advised."""
    return RegtoolsError(
        "the measurements support no choice: " + "; ".join(reasons),
        kind="no-advice",
        stage="load",
        hint=hint,
    )


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

    from regtools.display import visible

    hang = "#   " if text.startswith("- ") else "# "
    return textwrap.wrap(
        visible(text).replace("\t", " "),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent=hang,
        break_on_hyphens=False,
        break_long_words=False,
    )
