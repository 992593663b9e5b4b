"""Which mirrors of a configuration were measured, and how: from pulls to a :class:`Case` for each entry.

A place of a journal is only a name, chosen by the person who measured. Which source it is follows from
its pulls, in this order:

1. the one reference that each of its pulls of an image was asked from (``attempts`` with one entry): it is
   the source of the configuration that has the same reference;
2. the reference that served it (``served_by``), where ``attempts`` is not recorded;
3. its name, where that is the host of exactly one source, such as ``mirror.example:5000``: for tables from
   elsewhere.

A pull that went through several sources measures none of them alone and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from regtools.errors import RegtoolsError
from regtools.pull.records import Pull
from regtools.registries.conf import RegistriesConf
from regtools.registries.entries import Registry
from regtools.registries.resolution import Candidate

from ..failures import COLUMNS, failed_attempts
from ..measurements import prepared
from ..pairing import MIN_ROUNDS
from .expected import Measured, failure_cost

PRIMARY = -1  # the registry itself, among the numbers of its mirrors
_CLIENTS = ("podman", "builtin", "skopeo")  # whose times count, if several were measured
_HINT = "measure every mirror alone, all in turn, in ten rounds or more"


def no_advice(reasons: Iterable[str], hint: str = _HINT) -> RegtoolsError:
    """Return the error that says why nothing can be advised."""
    message = f"the measurements support no choice: {'; '.join(reasons)}"
    return RegtoolsError(message, kind="no-advice", stage="load", hint=hint)


class NoChoice(Exception):  # noqa: N818 - an answer, caught in this package
    """Why an entry is left as it is."""


# -- the pulls that count --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """The pulls that count, and what failures cost.

    Attributes:
        table: prepared pulls of one client and cache state, each with its one ``source`` (empty where not
            known) and its ``block``, the round of its campaign.
        state: of the caches.
        attempts: sources that failed before another was asked: the columns of
            :func:`~regtools.analysis.failures.failed_attempts`, and ``vantage``.
    """

    table: pd.DataFrame
    state: str
    attempts: pd.DataFrame

    def at(self, vantage: str) -> Evidence:
        """Return what was measured at one vantage point."""
        here, failed_here = (each[each["vantage"] == vantage] for each in (self.table, self.attempts))
        return Evidence(here, self.state, failed_here)

    @property
    def vantages(self) -> list[str]:
        """The vantage points; one empty name where none is recorded."""
        return sorted(map(str, self.table["vantage"].unique()))


def evidence(
    pulls: pd.DataFrame | Iterable[Pull], requests: pd.DataFrame | None, cache_state: str | None
) -> Evidence:
    """Choose the pulls that count: of one client, and one state of the caches; cold before warm.

    Args:
        pulls: pulls, or the pulls frame of a journal.
        requests: the requests frame; None if it is not known.
        cache_state: the state to use; None for cold if any pull has it.

    Raises:
        RegtoolsError: kind ``no-advice``: no pull is left.
    """
    given = pulls if isinstance(pulls, pd.DataFrame) else list(pulls)
    table = prepared(given)
    attempts = pd.DataFrame(columns=[*COLUMNS, "vantage"])
    if {"run_id", "attempts"} <= set(table.columns):
        lost = failed_attempts(given, requests)
        attempts = lost[lost["followed"].astype(bool)]
        attempts = attempts.assign(
            vantage=attempts["run_id"].map(dict(zip(table["run_id"], table["vantage"], strict=True)))
        )
    table = _alone(table)
    client = next((each for each in _CLIENTS if (table["client"] == each).any()), None)
    table = table if client is None else table[table["client"] == client]
    states = sorted(map(str, table["cache_state"].unique()))
    if cache_state is not None and cache_state not in states:
        raise no_advice([f"no pulls with {cache_state} caches were measured; there are {', '.join(states)}"])
    state = cache_state or ("cold" if "cold" in states else states[0] if states else "unknown")
    table = table[table["cache_state"] == state]
    if table.empty:
        raise no_advice(["every pull went through several sources, so none of them was measured alone"])
    block = table["campaign"].astype(str) + "\x1f" + table["round"].astype(str)
    return Evidence(table.assign(block=block), state, attempts)


def _alone(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``source`` to the pulls that went through one source only."""
    nothing = [""] * len(table)
    asked = [_only(each) for each in table.get("attempts", nothing)]
    served = pd.Series(table.get("served_by", nothing), dtype="string").fillna("")
    chosen = ["" if one is None else one or str(other) for one, other in zip(asked, served, strict=True)]
    table = table.assign(source=pd.Series(chosen, index=table.index, dtype="object"))
    return table[[one is not None for one in asked]]


def _only(attempts: Any) -> str | None:
    """Return the only attempt; empty where none is recorded, None where there were several."""
    if attempts is None or isinstance(attempts, float | str) or not hasattr(attempts, "__len__"):
        return ""
    return str(attempts[0]) if len(attempts) == 1 else None if len(attempts) else ""


# -- the sources that they measured ----------------------------------------------------------------------


class _Route(NamedTuple):
    """One image's sources under one entry, and the place that measured each; None if none did."""

    image: str
    entry: Registry
    mirrors: dict[int, str | None]  # by index in the entry, those that podman would contact
    primary: str | None


def _routes(table: pd.DataFrame, conf: RegistriesConf) -> Iterator[_Route]:
    """Resolve every measured image by ``conf``, and find the places that its sources are."""
    for image, group in table.groupby("image", sort=True):
        if str(image):
            counts = group[group["source"] != ""].groupby(["source", "place"]).size().sort_values()
            places = {str(source): str(place) for source, place in counts.index}  # the one that mostly asked
            names = set(map(str, group["place"]))
            for candidate in conf.resolve(str(image)).candidates:
                if candidate.entry is not None:
                    yield _route(str(image), candidate, candidate.entry, places, names)


def _route(
    image: str, candidate: Candidate, entry: Registry, places: dict[str, str], names: set[str]
) -> _Route:
    hosts = [source.reference.partition("/")[0] for source in candidate.sources]
    mirrors: dict[int, str | None] = {}
    primary = None
    for source, host in zip(candidate.sources, hosts, strict=True):
        place = places.get(source.reference)
        if place is None and host in names and hosts.count(host) == 1 and host not in places.values():
            place = host
        if source.kind == "primary":
            primary = place
        elif not source.blocked:
            mirrors[source.mirror] = place
    return _Route(image, entry, mirrors, primary)


@dataclass(frozen=True, slots=True)
class Case:
    """The mirrors of one entry, measured in the same rounds. Mirrors go by their index in the entry.

    Attributes:
        entry: of the configuration.
        images: that went through it.
        places: mirror → its place, for the mirrors that podman contacts, in the order of the entry; then
            ``PRIMARY``, the registry itself, where it was measured.
        measured: of each image, mirror → its pulls.
    """

    entry: Registry
    images: tuple[str, ...]
    places: dict[int, str]
    measured: tuple[dict[int, Measured], ...]

    @property
    def now(self) -> list[int]:
        """The mirrors in the order in which the entry has them."""
        return [index for index in self.places if index != PRIMARY]

    def seated(self, order: Iterable[int]) -> tuple[int, ...]:
        """Return all mirrors of the entry in a new order; those not contacted keep their positions."""
        seats = iter(order)
        return tuple(
            next(seats) if index in self.places else index for index in range(len(self.entry.mirrors))
        )


def cases(found: Evidence, conf: RegistriesConf) -> tuple[dict[str, Case], list[str]]:
    """Return prefix → case for the entries that measured images go through, and why others have none."""
    routes: dict[str, list[_Route]] = {}
    for route in _routes(found.table, conf):
        routes.setdefault(route.entry.prefix, []).append(route)
    if not any(place for each in routes.values() for route in each for place in route.mirrors.values()):
        places = ", ".join(sorted(map(str, found.table["place"].unique()))[:8])
        return {}, [f"none of the measured places ({places}) is a mirror of the configuration"]
    made, refused = {}, []
    for prefix, each in routes.items():
        try:
            made[prefix] = _case(found, each)
        except NoChoice as reason:
            refused.append(f"{prefix}: {reason}")
    return made, refused


def _case(found: Evidence, routes: list[_Route]) -> Case:
    entry = routes[0].entry
    places = _mirrors(entry, routes)
    primaries = {route.primary for route in routes}
    if len(primaries) == 1 and not primaries & {None, *places.values()}:
        places[PRIMARY] = str(primaries.pop())
    if len(places) < 2:
        raise NoChoice("fewer than two of its sources were measured, so there is nothing to compare")
    images = tuple(route.image for route in routes)
    table = found.table
    part = table[table["image"].isin(images) & table["place"].isin(places.values())]
    counts = part[part["round"].notna()].groupby("block")["place"].nunique()
    rounds = sorted(counts.index[counts == len(places)])
    if len(rounds) < MIN_ROUNDS:
        have = "1 round has" if len(rounds) == 1 else f"{len(rounds)} rounds have"
        raise NoChoice(f"{have} all of its mirrors, at least {MIN_ROUNDS} are needed")
    part = part[part["block"].isin(rounds)]
    part = part.assign(at=part["block"].map({block: at for at, block in enumerate(rounds)}).astype(int))

    def measured(image: str, place: str) -> Measured:
        group = part[(part["image"] == image) & (part["place"] == place)]
        if group.empty:
            raise NoChoice(f"{place} was not measured with {image} in the rounds that count")
        about = found.attempts[found.attempts["source"].isin(group["source"])]
        return Measured.of(group, len(rounds), failure_cost(group[~group["ok"]], about))

    kinds = ({index: measured(image, place) for index, place in places.items()} for image in images)
    return Case(entry, images, places, tuple(kinds))


def _mirrors(entry: Registry, routes: list[_Route]) -> dict[int, str]:
    """Return the mirrors that podman contacts for the images, each with its place."""
    places: dict[int, str] = {}
    for index in sorted({index for route in routes for index in route.mirrors}):
        known = {route.mirrors.get(index) for route in routes}
        location = entry.mirrors[index].location
        if None in known:
            advice = "measure it, or remove it"
            raise NoChoice(f"the mirror {location} was not measured with every image; {advice}")
        if len(known) > 1:
            names = ", ".join(sorted(map(str, known)))
            raise NoChoice(f"the mirror {location} was measured under several names: {names}")
        places[index] = str(known.pop())
    if len(set(places.values())) < len(places):
        raise NoChoice("two of its mirrors are the same place")
    return places
