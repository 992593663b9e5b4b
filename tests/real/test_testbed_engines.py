"""podman and skopeo of two releases decide whether the testbed's registry is one."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regtools.testbed import Link, Testbed
from tests.conftest import ROOT
from tests.support.dockerregistry import DockerRegistry
from tests.support.podman import HAD, RELEASES, Engine, engine

pytestmark = pytest.mark.needs("podman", "skopeo")


def each(*quick: tuple[str, str]) -> pytest.MarkDecorator:
    """Run a test with every release by tag and by digest, those that are not quick in the long run."""
    ways = [
        pytest.param(
            release,
            how == "by digest",
            marks=[] if (release, how) in quick else [pytest.mark.long],
            id=f"{release}-{how}",
        )
        for release in RELEASES
        for how in ("by tag", "by digest")
    ]
    return pytest.mark.parametrize(("real", "by_digest"), ways, indirect=["real"])


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"near": Link(rtt_ms=1), "far": Link(rtt_ms=10, mbit=200)}) as bed:
        yield bed


@pytest.fixture(params=RELEASES)
def real(request: pytest.FixtureRequest, bed: Testbed) -> Iterator[Engine]:
    with engine(request.param) as real:
        real.configure(bed.conf_text)
        bed.reset_counters()
        yield real


def test_the_engines_are_the_releases_they_are_called(real: Engine) -> None:
    assert HAD[real.release].startswith(f"{real.release}.")


@each(("4.3", "by digest"), ("5.4", "by tag"), ("6.1", "by tag"), ("6.1", "by digest"))
def test_podman_pulls_hello_from_the_first_mirror_and_runs_it(
    real: Engine, bed: Testbed, by_digest: bool
) -> None:
    image = bed.image("hello", by_digest=by_digest)
    real.podman("pull", image)
    assert bed.counters.requests(place="near", kind="blob", method="GET", status=200) == 2  # config and layer
    assert bed.counters.requests(place="far") == bed.counters.requests(place="origin") == 0
    assert bed.counters.requests(place="near", kind="refused") >= 1  # the TLS hello, which HTTP follows
    assert bed.counters.requests(place="near", kind="ping", status=200) >= 1
    said = real.podman("run", "--rm", *real.run_options, image).stdout
    assert said == "Hello! This image came from a registry on your own machine (linux/amd64).\n"


def test_podman_takes_the_other_architecture_when_asked(real: Engine, bed: Testbed) -> None:
    real.podman("pull", "--platform", "linux/arm64", bed.image("hello"))
    (image,) = json.loads(real.podman("image", "inspect", bed.image("hello")).stdout)
    assert image["Architecture"] == "arm64"


# podman starts itself once more for each layer.
@each(("4.3", "by tag"), ("5.4", "by digest"))
def test_podman_pulls_twenty_layers(real: Engine, bed: Testbed, by_digest: bool) -> None:
    image = bed.image("layers-20", by_digest=by_digest)
    real.podman("pull", image)
    (found,) = json.loads(real.podman("image", "inspect", image).stdout)
    assert len(found["RootFS"]["Layers"]) == 20
    assert found["Digest"] == bed.images["layers-20"]
    assert bed.counters.bytes(place="near", repository="layers-20", kind="blob", method="GET") > 20 * 100_000


def test_podman_goes_past_a_mirror_to_the_next(real: Engine, bed: Testbed) -> None:
    # The first mirror is a name of the registry's that leads nowhere: an answer 404, not a refusal.
    missing = bed.conf_text.replace(bed.addresses["near"], f"{bed.addresses['near']}/not/here")
    real.configure(missing)
    real.podman("pull", bed.image("small"))
    assert bed.counters.requests(place="near", kind="manifest", status=404) >= 1
    assert bed.counters.requests(place="far", kind="blob", status=200) == 2


@pytest.mark.parametrize("name", ["hello", "layers-20"])
@pytest.mark.parametrize("by_digest", [False, True], ids=["by tag", "by digest"])
def test_skopeo_copies_every_byte(real: Engine, bed: Testbed, name: str, by_digest: bool) -> None:
    image = bed.image(name, by_digest=by_digest)
    real.skopeo("copy", "--all", "--preserve-digests", f"docker://{image}", f"dir:{real.inside / 'copy'}")
    files = [path.name for path in (real.work / "copy").iterdir()]
    assert len([name for name in files if len(name) == 64]) == {"hello": 4, "layers-20": 21}[name]


def test_skopeo_inspects_by_the_name_that_the_configuration_maps(real: Engine, bed: Testbed) -> None:
    seen = json.loads(real.skopeo("inspect", "--no-tags", f"docker://{bed.image('hello')}").stdout)
    assert (seen["Digest"], seen["Architecture"]) == (bed.images["hello"], "amd64")


def test_skopeo_inspects_with_the_tag_list_at_the_mirrors_own_address(real: Engine, bed: Testbed) -> None:
    # skopeo asks the host of the image's name for the tags, whatever registries.conf says about it.
    name = f"docker://{bed.addresses['near']}/hello"
    seen = json.loads(real.skopeo("inspect", "--tls-verify=false", name).stdout)
    assert (seen["Digest"], seen["RepoTags"]) == (bed.images["hello"], ["1.0", "latest"])
    assert bed.counters.requests(place="near", kind="tags", status=200) == 1


def test_the_command_that_the_terminal_shows_pulls() -> None:
    with engine("4.3") as real:
        command = [sys.executable, "-m", "regtools", "testbed"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as terminal:
            try:
                assert terminal.stdout is not None
                shown = []
                while not shown or not shown[-1].startswith("Ctrl-C"):
                    shown.append(terminal.stdout.readline())
                (line,) = (line for line in shown if "podman pull" in line)
                assert real.shell(line.strip()).returncode == 0
                assert real.podman("image", "exists", "origin.test/hello:latest").returncode == 0
            finally:
                terminal.send_signal(signal.SIGINT)
                terminal.wait(60)


@pytest.mark.benchmark
@pytest.mark.needs("docker-registry")
@pytest.mark.parametrize("release", RELEASES)
def test_a_pull_takes_at_most_three_times_what_docker_registry_takes(release: str, tmp_path: Path) -> None:
    with Testbed({}) as bed, DockerRegistry(tmp_path) as registry, engine(release) as real:
        peer = registry.host
        own = bed.place_conf_text("origin")
        conf = {"testbed": own, "docker-registry": own.replace(bed.addresses["origin"], peer)}
        real.configure(conf["testbed"])
        real.skopeo(
            *("copy", "--all", "--dest-tls-verify=false"),
            *(f"docker://{bed.image('hello')}", f"docker://{peer}/hello:latest"),
        )
        seconds: dict[str, list[float]] = {name: [] for name in conf}
        for _ in range(11):
            for name, text in conf.items():
                real.forget()
                real.configure(text)
                real.podman("info")  # makes the storage, which is not what we measure
                start = time.perf_counter()
                real.podman("pull", bed.image("hello"))
                seconds[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        ratio = medians["testbed"] / medians["docker-registry"]
        print(f"\npodman {release} pull hello: {medians}, ratio {ratio:.2f}")
        assert ratio <= 3
