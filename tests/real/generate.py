"""Configurations and image names that press on the rules, the same for the same seed.

Not any text, but what people write and what the rules differ on: every kind of entry may meet every other, at
hosts that nest, with names that fit some of them. A share of the files is broken, by one fault each.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

HOSTS = ("a.test", "b.test", "sub.a.test", "deep.sub.a.test", "docker.io", "quay.io")
RESOLVED = (*HOSTS, "registry-1.docker.io", "index.docker.io", "old.test", "xa.test")
"""Hosts that must lead to loopback, whatever a configuration makes of a name."""

PLACES = (*HOSTS, "b.test:5000", "localhost:5000", "127.0.0.1:5000")
PATHS = ("app", "team/app", "team/sub/app", "library/nginx", "team")
SHORT = ("app", "nginx", "team/app", "my-app")
DIGEST = "sha256:" + "0123456789abcdef" * 4
SUFFIXES = ("", ":1", ":latest", f"@{DIGEST}", f":1@{DIGEST}")
ODD_NAMES = ("App", "a.test/App", "app:", "a.test/app@sha256:12", "a//b", "a.test/app:1:2", "-app")

MAIN = "registries.conf"
DROPINS = "registries.conf.d"


@dataclass(frozen=True)
class Configuration:
    """Files below the user's ``containers`` directory, path → text, and names to ask for under them."""

    files: dict[str, str]
    names: tuple[str, ...]

    def __str__(self) -> str:
        shown = [f"--- {path}\n{text}" for path, text in self.files.items()]
        return "\n".join([*shown, "--- names: " + " ".join(self.names)])


def configurations(count: int, seed: int | str) -> list[Configuration]:
    """Give that many, of which about one in four is refused by podman."""
    rng = random.Random(seed)
    return [configuration(rng, index) for index in range(count)]


def configuration(rng: random.Random, index: int) -> Configuration:
    """Give one; the index makes sure that every fault and the old format have their turn."""
    main = _old_format(rng) if index % 10 == 9 else _file(rng)
    files = {MAIN: main}
    for number in range(rng.choice((0, 0, 1, 2))):
        files[f"{DROPINS}/{number}0-more.conf"] = _file(rng, small=True)
    if index % 4 == 3:
        path = rng.choice(sorted(files))
        fault = FAULTS[index // 4 % len(FAULTS)]
        files[path] = fault(files[path]) if callable(fault) else files[path] + fault
    return Configuration(files, _names(rng))


def _names(rng: random.Random) -> tuple[str, ...]:
    names = [rng.choice(SHORT) + rng.choice(SUFFIXES) for _ in range(3)]
    names += [f"{rng.choice(PLACES)}/{rng.choice(PATHS)}{rng.choice(SUFFIXES)}" for _ in range(6)]
    names.append(rng.choice(ODD_NAMES))
    return tuple(dict.fromkeys(names))


def _file(rng: random.Random, *, small: bool = False) -> str:
    lines = []
    if not small or rng.random() < 0.3:
        search = rng.sample(PLACES, rng.choice((0, 1, 2, 3)))
        lines.append(f"unqualified-search-registries = {_array(search)}")
    if rng.random() < 0.3:
        lines.append(f'short-name-mode = "{rng.choice(("enforcing", "permissive", "disabled"))}"')
    flags: dict[str, tuple[bool, bool]] = {}  # podman refuses entries of one place that differ in these
    for _ in range(rng.randint(1, 2 if small else 5)):
        lines += _entry(rng, flags)
    if rng.random() < 0.6:
        lines.append("[aliases]")
        for short in rng.sample(SHORT, rng.randint(1, 2)):
            target = "" if rng.random() < 0.15 else f"{rng.choice(PLACES)}/{rng.choice(PATHS)}"
            lines.append(f'"{short}" = "{target}"')
    return "\n".join(lines) + "\n"


def _entry(rng: random.Random, flags: dict[str, tuple[bool, bool]]) -> list[str]:
    kind = rng.random()
    place = _place(rng)
    lines = ["[[registry]]"]
    if kind < 0.45:
        lines.append(f'location = "{place}"')
    elif kind < 0.75:
        lines += [f'prefix = "{_place(rng)}"', f'location = "{place}"']
    else:
        place = f"*.{rng.choice(('a.test', 'sub.a.test', 'test', 'io'))}"
        lines.append(f'prefix = "{place}"')
        if rng.random() < 0.6:
            place = _place(rng)
            lines.append(f'location = "{place}"')
    insecure, blocked = flags.setdefault(place, (rng.random() < 0.4, rng.random() < 0.2))
    lines += ["insecure = true"] * insecure + ["blocked = true"] * blocked
    by_digest = rng.random() < 0.2
    lines += ["mirror-by-digest-only = true"] * by_digest
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        lines += [
            "[[registry.mirror]]",
            f'location = "{_place(rng).rstrip("/")}"',
        ]  # releases of podman 5 differ
        lines += ["insecure = true"] * (rng.random() < 0.4)
        if not by_digest and rng.random() < 0.4:
            lines.append(f'pull-from-mirror = "{rng.choice(("all", "digest-only", "tag-only"))}"')
    return lines


def _place(rng: random.Random) -> str:
    slash = "/" * (rng.random() < 0.05)
    place = rng.choice(PLACES)
    return (
        place if rng.random() < 0.5 else f"{place}/{rng.choice(('team', 'library', 'mirror/of'))}"
    ) + slash


def _old_format(rng: random.Random) -> str:
    lines = []
    for table in ("search", "insecure", "block"):
        if rng.random() < 0.75:
            lines += [
                f"[registries.{table}]",
                f"registries = {_array(rng.sample(PLACES, rng.choice((0, 1, 2, 3))))}",
            ]
    return "\n".join(lines) + "\n"


def _array(items: list[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"


def _without_quote(text: str) -> str:
    return text[::-1].replace('"', "", 1)[::-1]


def _scheme_in_search(text: str) -> str:
    return 'unqualified-search-registries = ["http://a.test"]\n' + "".join(
        line + "\n" for line in text.splitlines() if not line.startswith("unqualified")
    )


def _wrong_mode(text: str) -> str:
    rest = [line for line in text.splitlines() if not line.startswith("short-name-mode")]
    return "\n".join(['short-name-mode = "enforced"', *rest]) + "\n"


FAULTS: tuple[str | Callable[[str], str], ...] = (
    '[[registry]]\nlocation = "https://a.test"\n',
    '[[registry]]\nlocation = "new.test"\n[[registry.mirror]]\nlocation = "http://b.test"\n',
    "[[registry]]\n",
    '[[registry]]\nprefix = "new.test"\n',
    '[[registry]]\nlocation = "new.test"\n[[registry.mirror]]\ninsecure = true\n',
    '[[registry]]\nlocation = "new.test"\npull-from-mirror = "all"\n',
    '[[registry]]\nlocation = "new.test"\nmirror-by-digest-only = true\n'
    '[[registry.mirror]]\nlocation = "b.test"\npull-from-mirror = "all"\n',
    '[[registry]]\nlocation = "new.test"\n[[registry.mirror]]\nlocation = "b.test"\npull-from-mirror = "tags"\n',
    '[[registry]]\nlocation = "new.test"\n[[registry]]\nlocation = "new.test"\ninsecure = true\n',
    '[[registry]]\nlocation = "new.test"\n[[registry]]\nlocation = "new.test"\nblocked = true\n',
    '[[registry]]\nprefix = "*.a.test/team"\nlocation = "b.test"\n',
    '[[registry]]\nlocation = "new.test"\ninsecure = "yes"\n',
    '[[registry]]\nlocation = "new.test\n',
    '[[registry]]\nlocation = "new.test"\nlocation = "b.test"\n',
    _without_quote,
    _scheme_in_search,
    _wrong_mode,
    lambda text: (
        '[registries.search]\nregistries = ["a.test"]\n' + text.replace("[registries.search]", "[other]")
    ),
    lambda text: text.partition("[aliases]")[0] + '[aliases]\n"app" = "a.test/app:1"\n',
    lambda text: text.partition("[aliases]")[0] + '[aliases]\n"a.test/app" = "b.test/app"\n',
)
