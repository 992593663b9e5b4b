"""What the table of findings says about podman, said by podman: what it refuses, which places it tries, where it stops.

The examples are those of the table; each release is asked for those that its row is about.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from regtools.registries.checks import check_texts, rules
from regtools.registries.reading.releases import release
from tests.conftest import LONG
from tests.real.generate import MAIN, Configuration
from tests.real.test_differential import lay_out, podman_answers
from tests.registries.test_rules import ACCOUNT, bad_data, releases
from tests.support.offline import offline
from tests.support.podman import Engine, engine

pytestmark = pytest.mark.needs("podman", "skopeo")

EACH = [pytest.param("4.3"), pytest.param("5.4", marks=pytest.mark.long), pytest.param("6.1")]
ASKS = {code: rule for code, rule in rules().items() if rule.asks}
HOSTS = {
    place.partition("/")[0] for rule in ASKS.values() for places in rule.asks.values() for place in places
}
LOAD = """
export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1
for file; do
    CONTAINERS_REGISTRIES_CONF=$PWD/$file podman --tmpdir $PWD/tmp search x >$file.said 2>&1
done
true
"""
# podman looks further than regtools, or not as far; the rows say so.
READ_ON = {"ambiguous-key", "closed-inline-table", "float-range", "too-deep", "too-large"}


@pytest.fixture(scope="module", params=EACH)
def real(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine(request.param) as made, offline(made, sorted(HOSTS)) as real:
        yield real


@pytest.mark.sized
def test_podman_refuses_the_examples_that_check_refuses(real: Engine) -> None:
    podman = real.release[0]
    texts = {
        data
        for code, rule in rules().items()
        if code not in READ_ON and isinstance(rule.bad, str) and podman in releases(rule)
        for data in (bad_data(rule), *([rule.good.encode()] if LONG else []))
    }
    folder = real.work / "rules"
    folder.mkdir()
    ordered = sorted(texts) if LONG else sorted(texts)[::6]
    for number, data in enumerate(ordered):
        (folder / f"{number}").write_bytes(data)
    for start in range(0, len(ordered), 40):  # within the time that one command may take
        names = " ".join(f"rules/{number}" for number in range(start, min(start + 40, len(ordered))))
        real.shell(f"cd {real.inside}; set -- {names}{LOAD}")
    refused, differ = 0, []
    for number, data in enumerate(ordered):
        said = (folder / f"{number}.said").read_text()
        no = "loading registries configuration" in said
        refused += no
        if no != check_texts(release(podman), [("a.conf", data, False)]).stops:
            differ.append((data, said))
    assert differ == []
    assert len(ordered) / 4 < refused < len(ordered)


@pytest.mark.sized
def test_podman_tries_the_places_that_the_table_names(real: Engine) -> None:
    rows = [(code, rule) for code, rule in ASKS.items() if real.release[0] in releases(rule)]
    for code, rule in rows if LONG else rows[real.release == "6.1" :: 2]:
        lay_out(real, Configuration({MAIN: rule.bad}, ()))
        answers = podman_answers(real, tuple(rule.asks))
        for (name, places), answer in zip(rule.asks.items(), answers, strict=True):
            tried = [place for place, how in answer.places if how != "blocked"]
            assert tried == places, (code, name)


def test_without_its_helper_podman_pulls_no_public_image(real: Engine) -> None:
    (example,) = rules()["helper-missing"].bad.values()
    lay_out(real, Configuration({MAIN: example}, ()))
    done = real.podman("pull", "--", "m.example/a/b:1", check=False, log_level="debug")
    assert done.returncode
    assert "docker-credential-no-such-helper" in done.stderr
    assert "GET http" not in done.stderr


def test_every_pull_from_a_host_with_an_underscore_fails(real: Engine) -> None:
    lay_out(real, Configuration({MAIN: rules()["underscore-host"].bad}, ()))
    done = real.podman("pull", "--", "a.example/x", check=False)
    assert "no Host in request URL" in done.stderr


def test_a_file_that_the_account_may_not_read_stops_it() -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root, and setpriv")
    with engine("4.3") as real:
        real.work.chmod(0o755)
        conf = real.work / "registries.conf"
        conf.chmod(0o600)
        words = ["setpriv", f"--reuid={ACCOUNT}", "--clear-groups", "skopeo", "--registries-conf", str(conf)]
        done = subprocess.run(
            [*words, "inspect", "docker://m.invalid/x"], capture_output=True, text=True, timeout=60
        )
    assert "permission denied" in done.stderr
