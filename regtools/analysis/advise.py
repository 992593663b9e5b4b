"""``advise``: measured pulls and a configuration in, its mirrors in the order expected to be fastest out.

What is reordered are the mirrors of each ``[[registry]]`` entry that the measured images go through. Nothing
is added, nothing dropped, no flag changed: which places may be asked at all is not a question of speed. The
registry itself stays last, where podman asks it in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

from regtools.errors import RegtoolsError

from .attempts import COLUMNS, failed_attempts
from .expected import Measured, best_order, failure_cost, gain
from .intake import prepared
from .sources import Route, placed, routes
from .verdicts import MIN_ROUNDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd

    from regtools.pull.records import Pull
    from regtools.registries.config import RegistriesConf
    from regtools.registries.entries import Registry

__all__ = ["Choice", "advise", "choices"]

SEED = 20
_CLIENTS = ("podman", "builtin", "skopeo")  # whose times count, if several were measured


@dataclass(frozen=True, slots=True)
class Choice:
    """The order chosen for one entry.

    ``before`` and ``after`` are indices of the entry's mirrors, as they stand and as they should; ``places``
    tells of each measured mirror its place. Times in seconds; ``low`` and ``high`` bound the gain.
    """

    entry: Registry
    images: tuple[str, ...]
    places: dict[int, str]
    before: tuple[int, ...]
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


def advise(
    pulls: pd.DataFrame | Iterable[Pull],
    conf: RegistriesConf,
    *,
    requests: pd.DataFrame | None = None,
    cache_state: str | None = None,
    seed: int = SEED,
) -> str:
    """Write a drop-in for ``registries.conf`` whose mirrors stand in the order with the least expected time.

    Args:
        pulls: the pulls frame of a campaign, or pulls: each mirror measured alone, as a place of its own, in
            at least ten rounds. Which place is which mirror: :mod:`regtools.analysis.sources`.
        conf: the configuration in force.
        requests: the requests frame of the same journal; tells what failures cost.
        cache_state: ``cold`` or ``warm``; None for cold where both were measured.
        seed: of the bootstrap.

    Returns: TOML text with the entries whose order changes, whole, and in comments when, from what and with
        which gain. As a drop-in it replaces those entries; everything else stays as it is.

    Raises:
        RegtoolsError: kind ``no-advice``: the measurements support no choice, and the message says why.
            Kind ``bad-table``: they are none.
    """
    given: Any = pulls if hasattr(pulls, "columns") else list(pulls)
    table, state = _table(given, cache_state)
    made, refused = choices(table, conf, _costs(given, requests), seed=seed)
    if not made:
        raise _no_advice(refused)
    from .dropin import dropin

    return dropin(table, state, made, refused, conf)


def choices(
    table: pd.DataFrame, conf: RegistriesConf, attempts: pd.DataFrame, *, seed: int = SEED
) -> tuple[list[Choice], list[str]]:
    """Choose an order for each entry; give the choices, and why other entries have none."""
    wanted: dict[str, list[Route]] = {}
    for route in routes(table, conf):
        wanted.setdefault(route.prefix, []).append(route)
    made, refused = [], []
    if not any(place for found in wanted.values() for route in found for place in route.mirrors.values()):
        places = ", ".join(sorted(set(map(str, table["place"])))[:8])
        refused.append(f"none of the measured places ({places}) is a mirror of the configuration")
    else:
        for prefix, found in wanted.items():
            try:
                made.append(_choice(table, conf.registry(prefix), found, attempts, seed))
            except RegtoolsError as error:
                refused.append(f"{prefix}: {error.message}")
    return made, refused


# -- one entry -------------------------------------------------------------------------------------------


def _choice(
    table: pd.DataFrame, entry: Registry, found: list[Route], attempts: pd.DataFrame, seed: int
) -> Choice:
    places = _mirrors(entry, found)
    ends = {route.primary for route in found}
    end = (
        [place for place in ends if place is not None and place not in places.values()]
        if len(ends) == 1
        else []
    )
    images = tuple(route.image for route in found)
    part = table[table["image"].isin(images) & table["place"].isin([*places.values(), *end])]
    rounds = _common_rounds(part, [*places.values(), *end])
    part = part[part["block"].isin(rounds)]
    part = part.assign(
        at=part["block"].map({block: number for number, block in enumerate(rounds)}).astype(int)
    )
    measured = [
        {place: _measured(part, image, place, len(rounds), attempts) for place in [*places.values(), *end]}
        for image in images
    ]
    now = [places[index] for index in places]
    then = best_order(measured, now, end)
    pairs = len(now) * (len(now) - 1) // 2
    before_s, after_s, saved, low, high = gain(
        measured, [*now, *end], [*then, *end], seed=seed, choices=pairs
    )
    if then == now:
        raise _reason(
            f"the present order is the best of all: {_order(now)}, expected {before_s:.3g} s a pull"
        )
    if low <= 0:
        raise _reason(
            f"the order {_order(then)} would save {saved:.2g} s of {before_s:.3g} s, but that is not sure: "
            f"between {low:.2g} and {high:.2g} s"
        )
    index_of = {place: index for index, place in places.items()}
    told = tuple(_tell(place, [each[place] for each in measured]) for place in [*then, *end])
    after = _after(entry, places, [index_of[place] for place in then])
    before = tuple(range(len(entry.mirrors)))
    return Choice(entry, images, dict(places), before, after, before_s, after_s, low, high, told)


def _mirrors(entry: Registry, found: list[Route]) -> dict[int, str]:
    """Give the mirrors that podman contacts for the images, each with its place."""
    places: dict[int, str] = {}
    for index in sorted({index for route in found for index in route.mirrors}):
        known = {route.mirrors.get(index) for route in found}
        location = entry.mirrors[index].location
        if None in known:
            raise _reason(
                f"the mirror {location} was not measured with every image; measure it, or remove it"
            )
        if len(known) > 1:
            names = ", ".join(sorted(map(str, known)))
            raise _reason(f"the mirror {location} was measured under several names: {names}")
        places[index] = str(known.pop())
    if len(set(places.values())) < len(places):
        raise _reason("two of its mirrors are the same place")
    if len(places) < 2:
        raise _reason("fewer than two mirrors are contacted, so there is no order to choose")
    return places


def _common_rounds(part: pd.DataFrame, places: list[str]) -> list[Any]:
    """Give the rounds in which all places were measured."""
    counts = part[part["round"].notna()].groupby("block")["place"].nunique()
    rounds = sorted(counts.index[counts == len(set(places))])
    if len(rounds) < MIN_ROUNDS:
        raise _reason(f"{len(rounds)} rounds have all of its mirrors, at least {MIN_ROUNDS} are needed")
    return rounds


def _measured(part: pd.DataFrame, image: str, place: str, rounds: int, attempts: pd.DataFrame) -> Measured:
    group = part[(part["image"] == image) & (part["place"] == place)]
    if group.empty:
        raise _reason(f"{place} was not measured with {image} in the rounds that count")
    about = attempts[attempts["source"].isin(group["source"])]
    return Measured.of(group, rounds, failure_cost(group[~group["ok"]], about))


def _after(entry: Registry, places: dict[int, str], chosen: list[int]) -> tuple[int, ...]:
    """Put the chosen mirrors where such mirrors stand; others (digests only, blocked) keep their seats."""
    seats = iter(chosen)
    return tuple(next(seats) if index in places else index for index in range(len(entry.mirrors)))


def _order(places: list[str]) -> str:
    return ", ".join(places)


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


def _table(pulls: Any, cache_state: str | None) -> tuple[pd.DataFrame, str]:
    """Choose the pulls that count: one client, one state of the caches, one vantage; cold before warm."""
    table = placed(prepared(pulls))
    vantages = sorted(set(map(str, table["vantage"])))
    if len(vantages) > 1:
        raise _no_advice(
            [f"the pulls are of several vantage points ({', '.join(vantages)}); give those of one"]
        )
    client = next((each for each in _CLIENTS if (table["client"] == each).any()), None)
    table = table if client is None else table[table["client"] == client]
    states = sorted(set(map(str, table["cache_state"])))
    if cache_state is not None and cache_state not in states:
        raise _no_advice([f"no pulls with {cache_state} caches were measured; there are {', '.join(states)}"])
    state = cache_state or ("cold" if "cold" in states else states[0] if states else "unknown")
    table = table[table["cache_state"] == state]
    if table.empty:
        raise _no_advice(["every pull went through several sources, so none of them was measured alone"])
    block = table["campaign"].astype(str) + "\x00" + table["round"].astype(str)
    return table.assign(block=block), state


def _costs(pulls: Any, requests: pd.DataFrame | None) -> pd.DataFrame:
    """Give what failed sources cost, from pulls that went on to a next one."""
    import pandas as pd

    if isinstance(pulls, pd.DataFrame) and not {"run_id", "attempts", "ok"} <= set(pulls.columns):
        return pd.DataFrame(columns=list(COLUMNS))
    lost = failed_attempts(pulls, requests)
    return lost[lost["followed"].astype(bool)]


def _reason(message: str) -> RegtoolsError:
    return RegtoolsError(message, kind="no-advice", stage="load")


def _no_advice(reasons: list[str]) -> RegtoolsError:
    return RegtoolsError(
        "the measurements support no choice: " + "; ".join(reasons),
        kind="no-advice",
        stage="load",
        hint="measure every mirror alone, all in turn, in ten rounds or more",
    )
