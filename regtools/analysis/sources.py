"""Which measured place is which source of a configuration.

A place of a journal is only a name that somebody gave to what was measured. What it *is* is seen from its
pulls, in this order:

1. the one reference that each of its pulls of an image was asked from (``attempts`` with one entry): it is
   the source of the configuration that has the same reference;
2. the reference that served it (``served_by``), where ``attempts`` is not recorded;
3. its name, where it is the host of exactly one source, such as ``mirror.example:5000``: for tables from
   elsewhere.

A pull that went through several sources measures none of them alone and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from regtools.registries.config import RegistriesConf
    from regtools.registries.resolution import Candidate

__all__ = ["Route", "placed", "routes"]


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
