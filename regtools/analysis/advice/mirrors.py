"""Which measured place is which source of a configuration.

A place of a journal is only a name that somebody gave to what was measured. What it *is* is seen from its
pulls, in this order:

1. the one reference that each of its pulls of an image was asked from (``attempts`` with one entry): it is
   the source of the configuration that has the same reference;
2. the reference that served it (``served_by``), where ``attempts`` is not recorded;
3. its name, where it is the host of exactly one source, such as ``mirror.example:5000``: for tables from
   elsewhere.

A pull that went through several sources measures none of them alone and is left out.

An entry of a configuration as a question of order: its mirrors, and what was measured of each.

One such case is made of each ``[[registry]]`` entry that measured images go through. It holds what an order
is judged by, and nothing of what is then decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from ..verdicts import MIN_ROUNDS
from .expected import Measured, failure_cost

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from regtools.registries.conf import RegistriesConf
    from regtools.registries.entries import Registry
    from regtools.registries.resolution import Candidate

__all__ = ["Case", "Route", "cases", "no_choice", "placed", "routes"]


@dataclass(frozen=True, slots=True)
class Route:
    """One image's sources under one entry, in podman's order, and the place that measured each.

    Attributes:
        image: as it was asked for.
        prefix: of the ``[[registry]]`` entry.
        mirrors: index in the entry → place, for the mirrors that podman would contact; None if not measured.
        primary: the place that measured the entry itself, or None.
    """

    image: str
    prefix: str
    mirrors: dict[int, str | None]
    primary: str | None


def placed(pulls: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``source``, the one reference that a pull was asked from, empty where not known."""
    import pandas as pd

    asked = [_only(each) for each in pulls["attempts"]] if "attempts" in pulls.columns else [""] * len(pulls)
    served = pulls["served_by"].astype("string").fillna("") if "served_by" in pulls.columns else asked
    chosen = ["" if one is None else str(one or other) for one, other in zip(asked, served, strict=True)]
    alone = [one is not None for one in asked]
    made: pd.DataFrame = pulls.assign(source=pd.Series(chosen, index=pulls.index, dtype="object"))[alone]
    return made


def _only(attempts: Any) -> str | None:
    """Give the only attempt; empty where none is recorded, None where there were several."""
    if attempts is None or isinstance(attempts, float | str) or not hasattr(attempts, "__len__"):
        return ""
    return str(attempts[0]) if len(attempts) == 1 else "" if not len(attempts) else None


def routes(pulls: pd.DataFrame, conf: RegistriesConf) -> list[Route]:
    """Resolve every measured image by ``conf`` and find the places that its sources are.

    Args:
        pulls: with the column ``source`` of :func:`placed`.
    """
    found = []
    for image, group in pulls.groupby("image", sort=True):
        if not str(image):
            continue
        by_reference = _by_reference(group)
        names = set(map(str, group["place"]))
        for candidate in conf.resolve(str(image)).candidates:
            route = _route(str(image), candidate, by_reference, names)
            if route is not None:
                found.append(route)
    return found


def _by_reference(group: pd.DataFrame) -> dict[str, str]:
    """Give reference → the place that mostly asked it."""
    counts = group[group["source"] != ""].groupby(["source", "place"]).size().sort_values()
    return {str(source): str(place) for source, place in counts.index}


def _route(image: str, candidate: Candidate, by_reference: dict[str, str], names: set[str]) -> Route | None:
    if candidate.entry is None:
        return None
    hosts = [source.reference.partition("/")[0] for source in candidate.sources]
    mirrors: dict[int, str | None] = {}
    primary = None
    for source, host in zip(candidate.sources, hosts, strict=True):
        place = by_reference.get(source.reference)
        if place is None and host in names and hosts.count(host) == 1 and host not in by_reference.values():
            place = host
        if source.kind == "primary":
            primary = place
        elif not source.blocked:
            mirrors[source.mirror] = place
    return Route(image, candidate.entry.prefix, mirrors, primary)


@dataclass(frozen=True, slots=True)
class Case:
    """The mirrors of one entry, measured in the same rounds.

    Attributes:
        entry: of the configuration.
        images: that went through it.
        places: index of a mirror in the entry → its place; only mirrors that podman contacts for the images.
        end: the registry's own place, which is asked after them in any case; empty if it was not measured.
        measured: of each image, place → its pulls.
    """

    entry: Registry
    images: tuple[str, ...]
    places: dict[int, str]
    end: tuple[str, ...]
    measured: tuple[dict[str, Measured], ...]

    @property
    def now(self) -> list[str]:
        """The places in the order in which the entry has them."""
        return list(self.places.values())

    def named(self, order: list[int]) -> list[str]:
        """Give the places of mirrors."""
        return [self.places[index] for index in order]

    def indices(self, order: list[str]) -> list[int]:
        """Give the mirrors of places."""
        index_of = {place: index for index, place in self.places.items()}
        return [index_of[place] for place in order]

    def seated(self, order: list[int]) -> tuple[int, ...]:
        """Put mirrors where such mirrors stand; others (digests only, blocked) keep their seats."""
        seats = iter(order)
        return tuple(
            next(seats) if index in self.places else index for index in range(len(self.entry.mirrors))
        )


def cases(
    table: pd.DataFrame, conf: RegistriesConf, attempts: pd.DataFrame
) -> tuple[dict[str, Case], list[str]]:
    """Make a case of each entry that can be judged; give prefix → case, and why others have none.

    Args:
        table: pulls that count, of one vantage point, with the columns ``source`` and ``block``.
        attempts: rows of :func:`~regtools.analysis.failures.failed_attempts`.
    """
    wanted: dict[str, list[Route]] = {}
    for route in routes(table, conf):
        wanted.setdefault(route.prefix, []).append(route)
    if not any(place for found in wanted.values() for route in found for place in route.mirrors.values()):
        places = ", ".join(sorted(set(map(str, table["place"])))[:8])
        return {}, [f"none of the measured places ({places}) is a mirror of the configuration"]
    made, refused = {}, []
    for prefix, found in wanted.items():
        try:
            made[prefix] = _case(table, conf.registry(prefix), found, attempts)
        except RegtoolsError as error:
            refused.append(f"{prefix}: {error.message}")
    return made, refused


def no_choice(message: str) -> RegtoolsError:
    """Say why an entry is left as it is."""
    return RegtoolsError(message, kind="no-advice", stage="load")


def _case(table: pd.DataFrame, entry: Registry, found: list[Route], attempts: pd.DataFrame) -> Case:
    places = _mirrors(entry, found)
    ends = {route.primary for route in found}
    known = [place for place in ends if place is not None and place not in places.values()]
    end = known if len(ends) == 1 else []
    asked = [*places.values(), *end]
    images = tuple(route.image for route in found)
    part = table[table["image"].isin(images) & table["place"].isin(asked)]
    rounds = _common_rounds(part, asked)
    number = {block: at for at, block in enumerate(rounds)}
    part = part[part["block"].isin(rounds)]
    part = part.assign(at=part["block"].map(number).astype(int))
    measured = tuple(
        {place: _measured(part, image, place, len(rounds), attempts) for place in asked} for image in images
    )
    return Case(entry, images, places, tuple(end), measured)


def _mirrors(entry: Registry, found: list[Route]) -> dict[int, str]:
    """Give the mirrors that podman contacts for the images, each with its place."""
    places: dict[int, str] = {}
    for index in sorted({index for route in found for index in route.mirrors}):
        known = {route.mirrors.get(index) for route in found}
        location = entry.mirrors[index].location
        if None in known:
            raise no_choice(
                f"the mirror {location} was not measured with every image; measure it, or remove it"
            )
        if len(known) > 1:
            names = ", ".join(sorted(map(str, known)))
            raise no_choice(f"the mirror {location} was measured under several names: {names}")
        places[index] = str(known.pop())
    if len(set(places.values())) < len(places):
        raise no_choice("two of its mirrors are the same place")
    if len(places) < 2:
        raise no_choice("fewer than two mirrors are contacted, so there is no order to choose")
    return places


def _common_rounds(part: pd.DataFrame, places: list[str]) -> list[Any]:
    """Give the rounds in which all places were measured."""
    counts = part[part["round"].notna()].groupby("block")["place"].nunique()
    rounds = sorted(counts.index[counts == len(set(places))])
    if len(rounds) < MIN_ROUNDS:
        raise no_choice(f"{len(rounds)} rounds have all of its mirrors, at least {MIN_ROUNDS} are needed")
    return rounds


def _measured(part: pd.DataFrame, image: str, place: str, rounds: int, attempts: pd.DataFrame) -> Measured:
    group = part[(part["image"] == image) & (part["place"] == place)]
    if group.empty:
        raise no_choice(f"{place} was not measured with {image} in the rounds that count")
    about = attempts[attempts["source"].isin(group["source"])]
    return Measured.of(group, rounds, failure_cost(group[~group["ok"]], about))
