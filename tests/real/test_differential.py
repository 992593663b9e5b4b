"""Name resolution against real podman and skopeo of three releases: they are asked to pull, and say where they look.

podman writes into its debug log which place it tries next, and what it sends there. That sequence must be ours,
for every name under every generated configuration; where it refuses, so must we, for the same reason. Each release
has configurations of its own.
``REGTOOLS_CONFIGURATIONS=1000 REGTOOLS_SEED=7`` in the environment asks for more, or for others.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.reference import PullName
from tests.conftest import LONG
from tests.real.generate import MAIN, RESOLVED, Configuration, configurations
from tests.support.offline import CLOSED_PORT, offline
from tests.support.podman import RELEASES, Engine, engine

pytestmark = pytest.mark.needs("podman", "skopeo")

COUNT = int(os.environ.get("REGTOOLS_CONFIGURATIONS", "600" if LONG else "12"))
SKOPEO_COUNT = max(4, COUNT // 10)
SEED = int(os.environ.get("REGTOOLS_SEED", "1"))

# How podman words a refusal → our kinds of error for it; the first wording that fits counts.
SAID: tuple[tuple[str, set[str]], ...] = (
    (r"URI schemes are not supported", {"scheme-not-allowed"}),
    (r"location is unset and prefix is not in the format", {"location-unset"}),
    (r"both location and prefix are unset", {"location-and-prefix-unset"}),
    (r"mirror location is unset", {"mirror-location-unset"}),
    (r"pull-from-mirror must not be set for a non-mirror", {"pull-from-mirror-on-registry"}),
    (r"cannot set mirror usage mirror-by-digest-only", {"pull-from-mirror-conflict"}),
    (r"unsupported pull-from-mirror value", {"pull-from-mirror-value"}),
    (r"conflicting 'insecure' setting", {"conflicting-insecure"}),
    (r"conflicting 'blocked' setting", {"conflicting-blocked"}),
    (r"Wildcarded prefix should be in the format", {"bad-wildcard-prefix"}),
    (r"mixing sysregistry v1/v2", {"mixed-v1-v2"}),
    (r"must be in v2 format but is in v1", {"v1-format"}),
    (r"invalid short-name mode", {"bad-short-name-mode"}),
    (r"validating short-name aliases", {"bad-alias"}),
    (r"incompatible types|type mismatch for", {"type-mismatch"}),
    (r"toml: ", {"toml-syntax"}),
    (
        r"no unqualified-search registries are defined|no containers-registries.conf\(5\) was found",
        {"no-search-registries"},
    ),
    (r"cannot prompt without a TTY", {"enforcing-no-tty"}),
    (r"repository name must be lowercase", {"uppercase-name"}),
    (r"repository name must be canonical", {"not-canonical"}),
    (r"both a tag and digest", {"tag-and-digest"}),
    (r"invalid reference format", {"invalid-reference"}),
    (r"must have at least one component", {"empty-name"}),
    (r"must not be more than 255 characters", {"name-too-long"}),
    (r"expected colon-separated transport:reference", {"uppercase-name", "name-too-long"}),
    (r"invalid checksum digest length", {"digest-length"}),
    (r"invalid checksum digest format", {"digest-format"}),
    (r"unsupported digest algorithm", {"digest-algorithm"}),
    (r"image has been referred to by ID", {"local-image-id"}),
    (r"Invalid unqualified-search-registries entry", {"bad-search-registry"}),
    (r"invalid alias", {"bad-alias"}),
    (r"open \S+: no such file or directory", {"other-transport", "file-missing"}),
)

# The release of podman whose rules the skopeo beside it follows: 1.22, beside podman 6.1, still has those of 5.
SKOPEO = {"4.3": "4", "5.4": "5", "6.1": "5"}

PULLING = re.compile(r'level=debug msg="Pulling image \S+ \(policy')
TRYING = re.compile(r'level=debug msg="Trying to access \\"([^"]+)\\""')
ASKED = re.compile(r'level=debug msg="GET (https?)://')
BLOCKED = re.compile(r'level=debug msg="Accessing .* failed: registry \S+ is blocked in')
AGAIN = re.compile(r'msg="Failed, retrying in ')
FILE = re.compile(r'loading (?:drop-in )?registries configuration "([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What a name came to.

    ``places`` are the references tried, each with how: ``blocked``, ``https``, or ``https http`` where it is
    insecure. ``refused`` are kinds of error, ``file`` is the file at fault.
    """

    places: tuple[tuple[str, str], ...] = ()
    refused: frozenset[str] = frozenset()
    file: str = ""


@pytest.fixture(scope="module", params=RELEASES)
def real(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine(request.param) as made, offline(made, RESOLVED) as real:
        yield real


@pytest.mark.sized
def test_podman_looks_where_we_say_and_refuses_what_we_refuse(real: Engine) -> None:
    differences, compared, refused = [], 0, 0
    for configuration in configurations(COUNT, f"{real.release} {SEED}"):
        lay_out(real, configuration)
        theirs = podman_answers(real, configuration.names)
        for name, their in zip(configuration.names, theirs, strict=True):
            our = our_answer(real, name)
            compared += 1
            refused += bool(our.refused)
            if our != their:
                differences.append(f"{configuration}\n{name}\n  podman  {their}\n  regtools {our}")
    print(f"podman {real.release}: {COUNT} configurations, {compared} names, {refused} of them refused")
    assert not differences, f"{len(differences)} of {compared}:\n\n" + "\n\n".join(differences[:5])
    assert compared / 10 < refused < compared * 0.7  # the generator presses on both


@pytest.mark.sized
@pytest.mark.parametrize("verb", ["inspect", "copy"])
def test_skopeo_looks_where_we_say_and_refuses_what_we_refuse(real: Engine, verb: str) -> None:
    target = () if verb == "inspect" else (f"dir:{real.inside / 'copy'}",)
    alone = [
        made
        for made in configurations(4 * SKOPEO_COUNT, f"{verb} {real.release} {SEED}")
        if set(made.files) == {MAIN}
    ]
    differences, compared = [], 0
    lay_out(real, Configuration({}, ()))  # skopeo 1.22 adds the user's drop-ins to the file of the option
    for configuration in alone[:SKOPEO_COUNT]:
        real.configure(configuration.files[MAIN])
        for name in configuration.names[-5:]:
            name = f"docker://{name}"
            said = real.skopeo("--debug", verb, name, *target, check=False).stderr
            log, error = said.rpartition("level=fatal")[::2]
            their = their_answer(real, log, error.replace('\\"', '"').replace("\\n", "\n"))
            our = our_answer(real, name, real.work / "registries.conf", podman=SKOPEO[real.release])
            compared += 1
            if our != their:
                differences.append(f"{configuration}\n{name}\n  skopeo  {their}\n  regtools {our}\n{error}")
    assert compared >= 5 * (SKOPEO_COUNT - 1)
    print(f"skopeo {verb} beside podman {real.release}: {SKOPEO_COUNT} configurations, {compared} names")
    assert not differences, f"{len(differences)} of {compared}:\n\n" + "\n\n".join(differences[:5])


def test_a_slash_after_a_mirror_spoils_the_name_up_to_some_podman_5(real: Engine) -> None:
    text = '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\nlocation = "b.test/team/"\n'
    lay_out(real, Configuration({MAIN: text}, ()))
    (their,) = podman_answers(real, ("a.test/app",))
    if real.release == "5.4":  # podman 5.6 and later remove it, and that is what "5" stands for
        assert their == Answer((), frozenset({"invalid-reference"}))
        assert our_answer(real, "a.test/app").places[0] == ("b.test/team/app:latest", "https")
    else:
        assert our_answer(real, "a.test/app") == their
        assert their.refused == ({"invalid-reference"} if real.release == "4.3" else set())


@pytest.mark.parametrize("insecure", [False, True], ids=["secure", "insecure"])
def test_where_nobody_listens_the_same_places_are_tried_again(real: Engine, insecure: bool) -> None:
    closed = f"127.0.0.1:{CLOSED_PORT}"
    text = f'[[registry]]\nlocation = "{closed}"\ninsecure = {str(insecure).lower()}\n'
    text += '[[registry.mirror]]\nlocation = "b.test/team"\ninsecure = true\n'
    lay_out(real, Configuration({MAIN: text}, ()))
    (their,) = podman_answers(real, (f"{closed}/app",), again=True)
    our = our_answer(real, f"{closed}/app")
    rounds, rest = divmod(len(their.places), len(our.places))
    assert rest == 0
    assert rounds >= 1
    assert their.places == our.places * rounds
    assert their.refused == our.refused == frozenset()


def podman_answers(real: Engine, names: tuple[str, ...], *, again: bool = False) -> list[Answer]:
    """Ask podman; with ``again``, what it tries when it repeats a pull counts, too.

    It repeats one after a timeout, which a busy machine is enough for.
    """
    said = real.podman("pull", "--", *names, check=False, log_level="debug").stderr
    log = "\n".join(line for line in said.splitlines() if line.startswith("time="))
    rest = "\n".join(line for line in said.splitlines() if not line.startswith("time="))
    attempts = PULLING.split(log)[1:]
    errors = re.split(r"^Error: ", rest, flags=re.MULTILINE)[1:]
    assert len(attempts) == len(errors) == len(names), said
    counted = attempts if again else [AGAIN.split(each)[0] for each in attempts]
    return [their_answer(real, *pair) for pair in zip(counted, errors, strict=True)]


def their_answer(real: Engine, log: str, error: str) -> Answer:
    file = FILE.search(error)
    path = file.group(1) if file else ""
    return Answer(
        places_in(log),
        refused_in(error),
        str(real.work / Path(path).relative_to(real.inside)) if path else "",
    )


def places_in(log: str) -> tuple[tuple[str, str], ...]:
    """Give the references that a debug log says were tried, each with how."""
    parts = TRYING.split(log)[1:]
    return tuple((place, how(part)) for place, part in zip(parts[::2], parts[1::2], strict=True))


def how(log: str) -> str:
    return "blocked" if BLOCKED.search(log) else " ".join(dict.fromkeys(ASKED.findall(log)))


def refused_in(error: str) -> frozenset[str]:
    """Give the kinds of what is said against names and files; that an image is not there is not one."""
    kinds = (
        next((kinds for said, kinds in SAID if re.search(said, line)), set()) for line in error.splitlines()
    )
    return frozenset().union(*kinds)


def our_answer(real: Engine, name: str, conf: Path | None = None, podman: str | None = None) -> Answer:
    try:
        PullName.parse(name)  # podman does so before it reads a file
        configured = RegistriesConf.load(
            conf, podman=podman or real.release[0], environ={"HOME": str(real.work)}, uid=0
        )
        resolution = configured.resolve(name)
    except RegtoolsError as error:
        return Answer((), frozenset({error.kind}), error.file if error.stage == "load" and error.file else "")
    ways = {False: "https", True: "https http"}
    return Answer(
        tuple((s.reference, "blocked" if s.blocked else ways[s.insecure]) for s in resolution.sources),
        frozenset(candidate.failed for candidate in resolution.candidates if candidate.failed),
    )


def lay_out(real: Engine, configuration: Configuration) -> None:
    home = real.work / ".config" / "containers"
    shutil.rmtree(home, ignore_errors=True)
    for path, text in configuration.files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
