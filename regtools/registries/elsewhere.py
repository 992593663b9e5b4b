"""What a name means to other commands and other readers, where it is not what ``podman pull`` makes of it.

One table, asked per name. What podman and skopeo can be asked is checked with podman 4.3, 5.4 and 6.1 by
``tests/real/test_other_commands.py``; a row about anything else names its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regtools.reference import PullName
from regtools.values import NamedTuple

from .sources import Candidate


class Meaning(NamedTuple):
    """One row of the table.

    Attributes:
        who: the command or program.
        when: the property of :class:`Facts` that says whether the row applies to a name.
        text: what the name means there; fields in braces are properties of :class:`Facts`.
        source: the test or the page that shows it.
    """

    who: str
    when: str
    text: str
    source: str


_REAL = "tests/real/test_other_commands.py"

# In the order of importance: an answer that has no room left ends somewhere in this table.
TABLE = (
    Meaning("push", "short", "{hub}: no alias, search list or mirror", _REAL),
    Meaning("push, login", "full_moved", "{host}, as search: mirrors are for pulls only", _REAL),
    Meaning("login", "short_moved", "{host}, as search: mirrors are for pulls only", _REAL),
    Meaning("stored as", "moved", "{full}, whichever source delivers it", _REAL),
    Meaning("service", "always", "podman system service keeps what it first read: restart it", _REAL),
    Meaning(
        "run, build",
        "short",
        "a local image wins, localhost/{path} first; --pull=always with the full name pulls",
        _REAL,
    ),
    Meaning("run, build", "is_full", "a local image of this name wins; --pull=always pulls", _REAL),
    Meaning("API, compose", "differs_on_hub", "{hub} (compat_api_enforce_docker_hub)", _REAL),
    Meaning("skopeo", "differs_on_hub", "docker://{typed} is {hub}", _REAL),
    Meaning(
        "CRI-O",
        "ambiguous",
        "from 1.34 on refused: {count} search registries (short_name_mode)",
        "CRI-O 1.34.0, https://github.com/cri-o/cri-o/pull/9401",
    ),
    Meaning("login", "login_differs", "without a host it means {first}, the first search registry", _REAL),
    Meaning(
        "machine",
        "mounted",
        "has your ~/.config/containers mounted as its /etc/containers",
        "podman 6.0, https://github.com/podman-container-tools/podman/pull/28573",
    ),
    Meaning(
        "machine",
        "apart",
        "the files inside count; with --remote, those of the server",
        "https://github.com/containers/image/pull/2676",
    ),
    Meaning("--platform", "short", "with it, pull starts with {full}, whatever images are here", _REAL),
    Meaning("API logins", "moved", "clients send the login for {host}; a mirror gets none of it", _REAL),
    Meaning("--tls-verify", "always", "on the command line overrides insecure everywhere", "podman-pull(1)"),
    Meaning("policy.json", "always", "may refuse an image that was found", "containers-policy.json(5)"),
)


class Facts:
    """What the table asks of a name: a property for each condition and for each field of a text."""

    always = True

    def __init__(self, pull: PullName, how: str, candidates: Sequence[Candidate]) -> None:
        conf, name = candidates[0].conf, pull.reference
        self.short = name.is_short and not pull.docker
        self.is_full = not self.short
        self.path, self.typed = name.path, str(name)
        self.full, self.hub = candidates[0].name, name.canonical
        self.host = candidates[0].parsed.host
        self.count = len(candidates)
        self.ambiguous = how == "search" and self.count > 1
        self.differs_on_hub = self.short and (self.ambiguous or self.full != self.hub)
        sources = [(candidate.name, source) for candidate in candidates for source in candidate.sources]
        self.moved = self.count == 1 and any(source.reference != full for full, source in sources)
        self.full_moved, self.short_moved = self.moved and not self.short, self.moved and self.short
        self.first = next(iter(conf.unqualified_search_registries), "")
        asked = {source.parsed.domain for _, source in sources}
        self.login_differs = self.first != "" and self.first not in asked
        self.mounted = conf.release.mounts_into_machine
        self.apart = not self.mounted


def meanings(pull: PullName, how: str, candidates: Sequence[Candidate]) -> Iterator[tuple[str, str]]:
    """Yield who reads a name in another way, and what it means there, the most important first.

    Args:
        pull: the name as it was given.
        how: how it became its candidates, see :class:`~regtools.registries.resolution.Resolution`.
        candidates: at least one.
    """
    facts = Facts(pull, how, candidates)
    for row in TABLE:
        if getattr(facts, row.when):
            yield row.who, row.text.format_map(vars(facts))
