"""What a campaign is to measure, in which order: randomised complete blocks from a recorded seed.

A round is a block: every image from every place once, in each cache state, shuffled. The order of a round
depends on the seed and the round's number only, so a campaign can be continued and prolonged and stays the
same campaign. The journal records the plan, and holds one campaign.

On many hosts each vantage point goes through the same rounds, each in its own order: in one common order all
of them would pull from the same place at the same time.
"""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from regtools.errors import Place, RegtoolsError
from regtools.pull.http.values import clipped
from regtools.registries.conf import RegistriesConf
from regtools.registries.writing import effective_toml
from regtools.version import __version__

from .job import CACHE_STATES, How, Job
from .rows import Row

if TYPE_CHECKING:

    class NamedPlace(Protocol):
        """A place to pull from, such as those of a testbed."""

        @property
        def name(self) -> str:  # noqa: D102
            ...

        @property
        def conf(self) -> RegistriesConf:  # noqa: D102
            ...

    At = RegistriesConf | NamedPlace
    Places = Mapping[str, At | Mapping[str, At]] | Iterable[NamedPlace | tuple[str, At]]


BOUNDS = {"rounds": 1_000_000, "probes": 1000, "pause_s": 86_400, "jitter": 1, "workers": 64}


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign before it runs.

    Attributes:
        id: distinguishes it from every other campaign.
        seed: of all shuffling and jitter.
        images: names, as one would give them to podman.
        places: name → the configuration that leads there; or, if the place differs between vantage points,
            such as a mirror at each site, vantage point → configuration.
        rounds: number of blocks.
        how: engine, platform, workers and time limit of each pull.
        cache_states: the states (``unknown``, ``cold``, ``warm``) in which each place is measured.
        make_cold: the command that empties a cache, program and arguments.
        probes: round trips to measure to each place once a round.
        pause_s, jitter: rest before each pull, and the share by which it varies.
        vantages: names of the vantage points; an empty name is this machine.
    """

    id: str
    seed: int
    images: tuple[str, ...]
    places: Mapping[str, RegistriesConf | Mapping[str, RegistriesConf]]
    rounds: int = 10
    how: How = field(default_factory=How)
    cache_states: tuple[str, ...] = ("unknown",)
    make_cold: tuple[str, ...] = ()
    probes: int = 5
    pause_s: float = 1.0
    jitter: float = 0.5
    vantages: tuple[str, ...] = ("",)

    def check(self) -> None:
        """Check that the plan can be carried out.

        Raises:
            RegtoolsError: kind ``bad-campaign``, or the error of a name or a configuration.
        """
        for name, high in BOUNDS.items():
            low, value = 1 if name in ("rounds", "workers") else 0, getattr(self, name, self.how.workers)
            if not low <= value <= high:
                whole = "a whole number" if name in ("rounds", "probes", "workers") else "a number"
                raise bad_campaign(f"{name} must be {whole} from {low} to {high}, not {value}")
        if not self.images or not self.places:
            raise bad_campaign("a run needs an image and a place at least")
        if len(set(self.images)) < len(self.images):
            raise bad_campaign("an image is named twice", "to pull it more often, ask for more rounds")
        states = self.cache_states
        if not states or not set(states) <= set(CACHE_STATES) or len(set(states)) < len(states):
            hint = f"choose from {', '.join(CACHE_STATES)}"
            raise bad_campaign(f"{list(states)} are not cache states", hint)
        if "cold" in states and not self.make_cold:
            message = "a cold pull needs a command that empties the place's cache"
            hint = "name it as make_cold; a client cannot know what a cache holds"
            raise bad_campaign(message, hint)
        for vantage in self.vantages:
            for place in self.places:
                conf = self._conf(place, vantage)
                for image in self.images:
                    conf.resolve(image)

    def jobs(self) -> Iterator[Job]:
        """Yield all jobs, one vantage point after the other, those of each in their order."""
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
        known = ", ".join(sorted(given)) or "none"
        raise bad_campaign(f"{place} has no configuration {where}", f"it has one for {known}")

    def _round(self, number: int, vantage: str) -> Iterator[Job]:
        rng = random.Random(f"{self.seed}/{number}/{vantage}" if vantage else f"{self.seed}/{number}")
        units = [(image, place) for image in self.images for place in self.places]
        rng.shuffle(units)
        probed: set[str] = set()
        order = 0
        for image, place in units:
            for state in sorted(self.cache_states, key=CACHE_STATES.index):  # cold leaves it warm
                order += 1
                rest = self.pause_s * (1 + self.jitter * rng.uniform(-1, 1))
                yield Job(
                    key=f"{self.id}/{number}/{order}{vantage and f'@{vantage}'}",
                    image=image,
                    place=place,
                    conf=self._conf(place, vantage),
                    round=number,
                    order=order,
                    how=self.how,
                    cache_state=state,
                    is_warm=state == "warm" and "cold" in self.cache_states,
                    make_cold=self.make_cold if state == "cold" else (),
                    probes=0 if place in probed else self.probes,
                    pause_s=0.0 if (number, order, vantage) == (1, 1, "") else rest,
                    vantage=vantage,
                )
                probed.add(place)

    def row(self) -> Row:
        """Return the journal's row: what makes this campaign the same, without any configuration's text."""
        return {
            "row": "campaign",
            "campaign": self.id,
            "seed": self.seed,
            "images": list(self.images),
            "places": {name: _fingerprint(conf) for name, conf in self.places.items()},
            **{name: getattr(self.how, name) for name in ("engine", "platform", "workers")},
            "cache_states": list(self.cache_states),
            **({} if self.vantages == ("",) else {"many_hosts": True}),
            "machine": _machine(),
        }

    def differences(self, row: Row) -> list[str]:
        """List how this plan differs from a journal's; rounds and pauses may differ."""
        mine = self.row()
        told = [
            f"{name.replace('_', ' ')}: {_words(row.get(name))}, now {_words(mine[name])}"
            for name in ("images", "engine", "platform", "workers", "cache_states")
            if mine[name] != row.get(name)
        ]
        if mine.get("many_hosts") != row.get("many_hosts"):
            told.append("one machine or many hosts: now the other")
        before = places if isinstance(places := row.get("places"), dict) else {}
        if list(before) != list(self.places):
            return [*told, f"places: {_words(list(before))}, now {_words(list(self.places))}"]
        moved = [name for name, mark in mine["places"].items() if before[name] != mark]
        return told + [f"place {name} has another configuration now" for name in moved]


def named_places(places: Places) -> dict[str, RegistriesConf | Mapping[str, RegistriesConf]]:
    """Read places: a mapping of names to configurations or places, or things with ``name`` and ``conf``.

    In a mapping, a configuration may be replaced by a mapping of vantage points to configurations.

    Raises:
        RegtoolsError: kind ``bad-campaign`` for anything else, and for a name that comes twice.
    """
    found: dict[str, Any] = {}
    for each in places.items() if hasattr(places, "items") else places:
        pair: Any = (
            each if isinstance(each, tuple) and len(each) == 2 else (getattr(each, "name", None), each)
        )
        name, value = pair
        there = value if isinstance(value, Mapping) else {"": value}
        confs = {vantage: getattr(at, "conf", at) for vantage, at in there.items()}
        is_place = isinstance(name, str) and all(hasattr(conf, "resolve") for conf in confs.values())
        if not is_place or not name or not name.isprintable():
            raise bad_campaign(f"{name!r} is not a place", "a place is a name and a RegistriesConf")
        if name in found:
            raise bad_campaign("two places have the same name")
        found[name] = confs if there is value else confs[""]
    return found


def another_plan(journal: str, told: Sequence[str]) -> RegtoolsError:
    """Return the error for a journal that belongs to another campaign; it names the first difference."""
    more = f"; {len(told) - 1} more" if len(told) > 1 else ""
    message = f"this journal belongs to another run ({clipped(told[0], 60)}{more})"
    hint = "name another journal, or measure the same again; compare reads several"
    return RegtoolsError(message, kind="another-campaign", stage="pull", where=Place(journal), hint=hint)


def bad_campaign(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for a campaign, or hosts for one, that cannot be used as they are."""
    return RegtoolsError(message, kind="bad-campaign", stage="pull", hint=hint)


def _machine() -> dict[str, str]:
    """Return what a report says of this machine; nothing in it decides whether a campaign is the same."""
    cpu = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    versions = f"regtools {__version__}, Python {platform.python_version()}"
    told = {"host": platform.node(), "CPU": f"{cpu}, {os.cpu_count()} cores", "versions": versions}
    return {**told, "system": f"{platform.system()} {platform.release()}"}


def _fingerprint(conf: RegistriesConf | Mapping[str, RegistriesConf]) -> str:
    if isinstance(conf, Mapping):
        text = "".join(f"{vantage}\n{_fingerprint(conf[vantage])}\n" for vantage in sorted(conf))
    else:
        text = f"{conf.podman}\n{effective_toml(conf)}"
    return sha256(text.encode()).hexdigest()[:16]


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
