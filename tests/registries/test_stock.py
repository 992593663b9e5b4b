"""The files that distributions come with are no news to their owners: `check` is silent about them.

The trees are written for this test after the published contents of each distribution's packages: the settings are
theirs, the comments are not, and of the long lists of aliases a few lines stand for all. Sources: Debian's
golang-github-containers-image and golang-github-containers-common (`/etc/containers/registries.conf` has comments
only; `shortnames.conf`); Fedora's and CentOS Stream's containers-common (`registries.conf`, `shortnames.conf` as
`000-shortnames.conf`, `001-rhel-shortnames.conf`, `002-rhel-shortnames-overrides.conf`); openSUSE's
libcontainers-common.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from regtools.registries.checks import check_machine
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release

ETC = "etc/containers"
COMMENTS = """\
# For more information on this configuration file, see containers-registries.conf(5).
#
# unqualified-search-registries = ["example.com"]
#
# [[registry]]
# prefix = "example.com/foo"
# insecure = false
# blocked = false
# location = "internal-registry-for-example.com/bar"
"""
SHORTNAMES = """\
[aliases]
  # almalinux
  "almalinux" = "docker.io/library/almalinux"
  # centos
  "centos" = "quay.io/centos/centos"
  # containers
  "skopeo" = "quay.io/skopeo/stable"
  "podman" = "quay.io/podman/stable"
  # docker
  "alpine" = "docker.io/library/alpine"
  "hello-world" = "docker.io/library/hello-world"
  # Fedora
  "fedora" = "registry.fedoraproject.org/fedora"
  # openSUSE
  "opensuse/leap" = "registry.opensuse.org/opensuse/leap"
  "suse/sle15" = "registry.suse.com/suse/sle15"
  # Red Hat Enterprise Linux
  "ubi8" = "registry.access.redhat.com/ubi8"
  "ubi9/ubi" = "registry.access.redhat.com/ubi9/ubi"
  # Debian, Ubuntu, and further ones
  "debian" = "docker.io/library/debian"
  "ubuntu" = "docker.io/library/ubuntu"
  "python" = "docker.io/library/python"
"""
RHEL_SHORTNAMES = """\
[aliases]
"3scale-amp2/3scale-rhel7-operator" = "registry.redhat.io/3scale-amp2/3scale-rhel7-operator"
"rhel9/postgresql-15" = "registry.redhat.io/rhel9/postgresql-15"
"ubi9" = "registry.redhat.io/ubi9"
"""
OVERRIDES = """\
[aliases]
"ubi9" = "registry.access.redhat.com/ubi9"
"ubi9/ubi" = "registry.access.redhat.com/ubi9/ubi"
"""
FEDORA = ["registry.fedoraproject.org", "registry.access.redhat.com", "docker.io"]
RHEL = ["registry.access.redhat.com", "registry.redhat.io", "docker.io"]
SUSE = ["registry.opensuse.org", "registry.suse.com", "docker.io"]


def main(search: list[str], mode: str) -> str:
    hosts = ", ".join(f'"{host}"' for host in search)
    text = f'{COMMENTS}unqualified-search-registries = [{hosts}]\ncredential-helpers = ["containers-auth.json"]\n'
    return f'{text}short-name-mode = "{mode}"\n'


DEBIAN = {"registries.conf": COMMENTS, "registries.conf.d/shortnames.conf": SHORTNAMES}
RED_HAT = {
    "registries.conf": main(RHEL, "enforcing"),
    "registries.conf.d/000-shortnames.conf": SHORTNAMES,
    "registries.conf.d/001-rhel-shortnames.conf": RHEL_SHORTNAMES,
    "registries.conf.d/002-rhel-shortnames-overrides.conf": OVERRIDES,
}
IN_FEDORA = {
    "registries.conf": main(FEDORA, "enforcing"),
    "registries.conf.d/000-shortnames.conf": SHORTNAMES,
}
IN_SUSE = {"registries.conf": main(SUSE, "permissive"), "registries.conf.d/000-shortnames.conf": SHORTNAMES}
BESIDE = {"policy.json": "{}\n", "registries.d/default.yaml": "# nothing\n", "README": "\n"}
# distribution → its files below /etc/containers, and its podman
STOCK = {
    "Debian 12": (DEBIAN, "4.3.1"),
    "Debian 13": (DEBIAN, "5.4.2"),
    "Fedora 40": (IN_FEDORA, "5.0"),
    "Fedora 43": (IN_FEDORA, "5.6"),
    "RHEL 9": (RED_HAT, "5.4"),
    "RHEL 10": (RED_HAT, "5.6"),
    "openSUSE": (IN_SUSE, "5.7"),
}


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("name", STOCK)
def test_a_stock_tree_gives_no_finding(name: str, uid: int, tmp_path: Path) -> None:
    files, podman = STOCK[name]
    tmp_path.chmod(0o755)
    for path, text in {**BESIDE, **files}.items():
        file = tmp_path / ETC / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    found = check_machine(release(podman), Surroundings(tmp_path, {"HOME": "/root"}, uid)).findings
    assert list(map(str, found)) == []


def test_debian_has_the_aliases_of_this_test_where_it_is_installed() -> None:
    installed = Path("/etc/containers/registries.conf.d/shortnames.conf")
    if not installed.exists():
        pytest.skip("this machine has no shortnames.conf of Debian")
    text = installed.read_text(encoding="utf-8")
    aliases = [line for line in SHORTNAMES.splitlines() if "=" in line]
    assert sum(line.strip() in text for line in aliases) > len(aliases) * 0.7


def test_equal_notes_are_one_that_names_the_places(tmp_path: Path) -> None:
    for number in range(6):
        file = tmp_path / ETC / f"registries.conf.d/{number}.conf.bak"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = check_machine(release("6"), Surroundings(tmp_path, {"HOME": "/root"}, 0)).findings
    (note,) = found
    assert note.message.endswith("1.conf.bak, /etc/containers/registries.conf.d/2.conf.bak, "
                                 "/etc/containers/registries.conf.d/3.conf.bak and 2 more)")  # fmt: skip


def test_a_neighbour_that_is_not_read_may_be_locked(tmp_path: Path) -> None:
    folder = tmp_path / ETC / "registries.rootful.conf.d"
    folder.parent.mkdir(parents=True)
    folder.symlink_to("registries.rootful.conf.d")  # not even root can list it
    assert check_machine(release("6"), Surroundings(tmp_path, {"HOME": "/home/u"}, 1000)).findings == []
