"""What a campaign is to measure, in which order: randomised complete blocks from a recorded seed.

A round is a block: every image from every place once, in each cache state, shuffled. The order of a round
depends on the seed and the round's number only, so that a campaign can be gone on with, and prolonged, and
still be the same. The plan stands in the journal: a journal holds one campaign.

On many hosts each vantage point goes through the same rounds, each in an order of its own: all in one order
would all go to the same place at the same time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError
from regtools.registries.writing import effective_toml

from .job import CACHE_STATES, Job

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from regtools.registries.conf import RegistriesConf

__all__ = ["Plan", "named_places"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign before it runs.

    Attributes:
        id: tells it from every other campaign.
        seed: of all shuffling and jitter.
        images: names, as podman would be given them.
        places: name → the configuration that leads there; or, for a place that is another at each vantage
            point, such as a mirror of one's own at each site, vantage point → configuration.
        rounds: how many blocks.
        engine, platform, workers, timeout_s: as of :func:`~regtools.time_pull`.
        cache_states: which of ``unknown``, ``cold`` and ``warm`` each place is measured in.
        make_cold: the command that empties a cache, program and arguments.
        probes: round trips measured of each place once a round.
        pause_s, jitter: rest before each pull, and by which share it varies.
        vantages: names of the vantage points; one without a name is this machine.
    """

    id: str
    seed: int
    images: tuple[str, ...]
    places: Mapping[str, RegistriesConf | Mapping[str, RegistriesConf]]
    rounds: int = 10
    engine: str = "builtin"
    platform: str | None = None
    workers: int = 4
    timeout_s: float | None = None
    cache_states: tuple[str, ...] = ("unknown",)
    make_cold: tuple[str, ...] = ()
    probes: int = 5
    pause_s: float = 1.0
    jitter: float = 0.5
    vantages: tuple[str, ...] = ("",)

    def check(self) -> None:
        """Make sure that it can be carried out.

        Raises:
            RegtoolsError: kind ``bad-campaign``, or what a name or a configuration leads to.
        """
        _check_numbers(self)
        if not self.images or not self.places:
            raise _bad("a campaign needs an image and a place at least")
        if len(set(self.images)) < len(self.images):
            raise _bad("an image is named twice", "more rounds pull it more often")
        unknown = [each for each in self.cache_states if each not in CACHE_STATES]
        if unknown or len(set(self.cache_states)) < len(self.cache_states) or not self.cache_states:
            raise _bad(
                f"{list(self.cache_states)} are no cache states", f"choose of {', '.join(CACHE_STATES)}"
            )
        if "cold" in self.cache_states and not self.make_cold:
            raise _bad(
                "a cold pull needs a command that empties the place's cache",
                "give make_cold; a client cannot know what a cache holds",
            )
        for vantage in self.vantages:
            for place in self.places:
                conf = self._conf(place, vantage)
                for image in self.images:
                    conf.resolve(image)

    def jobs(self) -> Iterator[Job]:
        """Give all jobs, one vantage point after the other, each one's in their order."""
        for vantage in self.vantages:
            for number in range(1, self.rounds + 1):
                yield from self._round(number, vantage)

    def _conf(self, place: str, vantage: str) -> RegistriesConf:
        given = self.places[place]
        if not isinstance(given, Mapping):
            return given
        if vantage in given:
            return given[vantage]
        where = f"at {vantage}" if vantage else "on this machine"
        raise _bad(
            f"{place} has no configuration {where}", f"it has one for {', '.join(sorted(given)) or 'none'}"
        )

    def _round(self, number: int, vantage: str) -> Iterator[Job]:
        dice = random.Random(f"{self.seed}/{number}/{vantage}" if vantage else f"{self.seed}/{number}")
        units = [(image, place) for image in self.images for place in self.places]
        dice.shuffle(units)
        probed: set[str] = set()
        order = 0
        for image, place in units:
            for state in sorted(self.cache_states, key=CACHE_STATES.index):  # cold leaves it warm
                order += 1
                rest = self.pause_s * (1 + self.jitter * dice.uniform(-1, 1))
                yield Job(
                    key=f"{self.id}/{number}/{order}{vantage and f'@{vantage}'}",
                    image=image,
                    place=place,
                    conf=self._conf(place, vantage),
                    round=number,
                    order=order,
                    engine=self.engine,
                    platform=self.platform,
                    workers=self.workers,
                    timeout_s=self.timeout_s,
                    cache_state=state,
                    is_warm=state == "warm" and "cold" in self.cache_states,
                    make_cold=self.make_cold if state == "cold" else (),
                    probes=0 if place in probed else self.probes,
                    pause_s=0.0 if (number, order, vantage) == (1, 1, "") else rest,
                    vantage=vantage,
                )
                probed.add(place)

    def row(self) -> dict[str, Any]:
        """Give the journal's line: what makes this campaign the same, and no configuration's text."""
        return {
            "row": "campaign",
            "campaign": self.id,
            "seed": self.seed,
            "images": list(self.images),
            "places": {name: _fingerprint(conf) for name, conf in self.places.items()},
            "engine": self.engine,
            "platform": self.platform,
            "workers": self.workers,
            "cache_states": list(self.cache_states),
            **({} if self.vantages == ("",) else {"many_hosts": True}),
        }

    def differences(self, row: Mapping[str, Any]) -> list[str]:
        """Say in what this is another plan than the one a journal tells of; rounds and pauses may differ."""
        mine = self.row()
        told = [
            f"{name.replace('_', ' ')}: {_words(row.get(name))}, now {_words(mine[name])}"
            for name in ("images", "engine", "platform", "workers", "cache_states")
            if mine[name] != row.get(name)
        ]
        if mine.get("many_hosts") != row.get("many_hosts"):
            told.append("one machine or many hosts: now the other")
        places: Any = row.get("places")
        before: dict[str, str] = places if isinstance(places, dict) else {}
        if list(before) != list(mine["places"]):
            told.append(f"places: {_words(list(before))}, now {_words(list(mine['places']))}")
        else:
            moved = [name for name, mark in mine["places"].items() if before[name] != mark]
            told += [f"place {name} has another configuration now" for name in moved]
        return told


def named_places(places: Any) -> dict[str, RegistriesConf | Mapping[str, RegistriesConf]]:
    """Read places: a mapping of names to configurations or places, or things with ``name`` and ``conf``.

    In a mapping, what stands for a configuration may be a mapping of vantage points to those.

    Raises:
        RegtoolsError: kind ``bad-campaign`` for anything else, and for a name that comes twice.
    """
    if hasattr(places, "items"):
        pairs = [(name, _there(value)) for name, value in places.items()]
    else:
        pairs = [_pair(each) for each in places]
    for name, conf in pairs:
        confs = list(conf.values()) if isinstance(conf, Mapping) else [conf]
        if not isinstance(name, str) or not name or not all(hasattr(each, "resolve") for each in confs):
            raise _bad(f"{name!r} is no place", "a place is a name and a RegistriesConf")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _bad("two places have the same name")
    return found


def new_id() -> str:
    """Give a campaign's name that no other has."""
    return os.urandom(8).hex()


def another_plan(journal: str, told: Iterable[str]) -> RegtoolsError:
    """Say that a journal belongs to another campaign."""
    return RegtoolsError(
        f"this journal belongs to another campaign: {'; '.join(told)}",
        kind="another-campaign",
        stage="pull",
        where=Place(journal),
        hint="name another journal, or measure the same again; journals can be read together",
    )


def _there(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {vantage: getattr(each, "conf", each) for vantage, each in value.items()}
    return getattr(value, "conf", value)


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, tuple) and len(value) == 2:
        return value
    return getattr(value, "name", None), getattr(value, "conf", None)


def _check_numbers(plan: Plan) -> None:
    bounds = {
        "rounds": (1, 1_000_000),
        "probes": (0, 1000),
        "pause_s": (0, 86_400),
        "jitter": (0, 1),
        "workers": (1, 64),
    }
    for name, (low, high) in bounds.items():
        value = getattr(plan, name)
        if not low <= value <= high:
            raise _bad(f"{name} must be {low} to {high}, not {value}")


def _fingerprint(conf: RegistriesConf | Mapping[str, RegistriesConf]) -> str:
    if isinstance(conf, Mapping):
        marks = "".join(f"{vantage}\n{_fingerprint(conf[vantage])}\n" for vantage in sorted(conf))
        return sha256(marks.encode()).hexdigest()[:16]
    return sha256(f"{conf.podman}\n{effective_toml(conf)}".encode()).hexdigest()[:16]


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _bad(message: str, hint: str | None = None) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-campaign", stage="pull", hint=hint)
