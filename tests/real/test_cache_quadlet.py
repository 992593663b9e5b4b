"""podman 5's own generator reads the units, for root and for ordinary users, and makes the services we mean."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from regtools.cache import Cache
from tests.support.podman import engine

pytestmark = pytest.mark.needs("mmdebstrap")

GENERATOR = "/usr/libexec/podman/quadlet"
VARIANTS = {
    "plain": {},
    "private, without Redis, distribution 3": {
        "registry": "3",
        "redis": False,
        "username": "me",
        "password": "s3cr3t",
    },
    "open, storage of its own": {"bind": "0.0.0.0", "storage": "/srv/100% my blobs"},
}


def generate(folder: Path, *options: str) -> dict[str, str]:
    """Services by name, as the generator writes them; it must have no complaint."""
    with engine("5.4") as real:
        shutil.copytree(folder / "quadlet", real.work / "quadlet")
        done = real.shell(f"QUADLET_UNIT_DIRS={real.inside}/quadlet {GENERATOR} --dryrun {' '.join(options)}")
    complaints = [line for line in done.stderr.splitlines() if "Loading source unit" not in line]
    assert complaints == []
    parts = re.split(r"^---(.+)---$", done.stdout, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def command(service: str) -> str:
    (line,) = re.findall(r"^ExecStart=(.*)$", service, re.M)
    return str(line)


@pytest.fixture(params=VARIANTS)
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    return Cache(folder=tmp_path / "hub", name="hub", **VARIANTS[request.param])


@pytest.mark.parametrize("options", [(), ("--user",)], ids=["root", "rootless"])
def test_the_generator_takes_the_units_without_a_complaint(cache: Cache, options: tuple[str, ...]) -> None:
    services = generate(cache.folder, *options)
    wanted = {"hub.service", "hub-network.service"}
    wanted |= {"hub-redis.service"} if cache.settings.redis else set()
    wanted |= set() if cache.settings.storage else {"hub-volume.service"}
    assert set(services) == wanted
    run = command(services["hub.service"])
    for part in (
        "--name hub",
        "--network hub",
        "--read-only",
        "--cap-drop all",
        "no-new-privileges",
        f"--publish {cache.settings.bind}:5000:5000",
        "--publish 127.0.0.1:5001:5001",
        f"{cache.folder}/config.yml:",
        cache.settings.image,
    ):
        assert part in run, run
    assert "WantedBy=default.target" in services["hub.service"]
    assert "Restart=always" in services["hub.service"]
    assert "--publish" not in command(services.get("hub-redis.service", "ExecStart="))
    if cache.settings.private:
        assert f"--env-file {cache.folder}/secrets.env" in run
        assert "s3cr3t" not in "".join(services.values())
        assert "--env OTEL_TRACES_EXPORTER=none" in run
    if cache.settings.storage:
        assert '"/srv/100%% my blobs:/var/lib/registry:Z"' in run


def test_script_and_units_start_the_same_containers(tmp_path: Path) -> None:
    cache = Cache(folder=tmp_path / "hub", name="hub")
    services = generate(cache.folder)
    script = (cache.folder / "podman-run.sh").read_text().replace("\\\n", " ").replace('"', "")
    typed = {
        name: line.split()
        for line in script.replace("$folder", str(cache.folder)).splitlines()
        if line.startswith("podman run")
        for name in [line.split("--name ")[1].split()[0]]
    }
    for name, words in typed.items():
        made = command(services[f"{name}.service"])
        for word in words[2:]:
            value = word.removesuffix("=true")
            if word.startswith("--") or value in ("unless-stopped", "no-new-privileges", name):
                continue  # options have other spellings there, and systemd does the restarting
            assert value in made, f"{value} is not in {made}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_what_the_generator_makes(tmp_path: Path) -> None:
    cache = Cache(folder=tmp_path / "hub", name="hub")
    units = tmp_path / "units"
    units.mkdir()
    for name, text in generate(cache.folder).items():
        (units / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(units.glob("hub*.service")))],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "SYSTEMD_UNIT_PATH": f"{units}:"},
    )
    ours = [line for line in done.stderr.splitlines() if "hub" in line and "not executable" not in line]
    assert ours == []
