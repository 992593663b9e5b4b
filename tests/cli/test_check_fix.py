"""`regtools check --diff` and `--fix`: one patch, files written whole or not at all, nothing else touched."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from regtools.cli import main

BROKEN = '[[registry]]\nlocation: docker.io\ninsecure = "false"\n'
FIXED = '[[registry]]\nlocation = "docker.io"\ninsecure = false\n'
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "registries.conf"
    path.parent.mkdir()
    path.write_text(BROKEN)
    path.chmod(0o640)
    return path


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "regtools", "check", "--podman", "6", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done


def listed(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.needs("patch")
def test_the_patch_makes_the_file_that_fix_writes(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--podman", "6", str(conf), "--diff"]) == 1
    patch = capsys.readouterr().out
    assert conf.read_text() == BROKEN
    done = subprocess.run(["patch", "-p1", "-d", "/"], input=patch, text=True, capture_output=True)
    assert (done.returncode, conf.read_text()) == (0, FIXED)
    conf.write_text(BROKEN)
    assert main(["check", "--podman", "6", str(conf), "--fix"]) == 0
    assert conf.read_text() == FIXED


@pytest.mark.needs("patch")
@pytest.mark.parametrize(
    "name", ["a b", "a\tb", 'a"b\\', "a\x1bb", "é\udcff", "x\n--- other\n+++ other\n@@ -0,0 +1 @@\n+x\n"]
)
def test_the_patch_finds_its_file_and_no_other_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.conf"
    path.write_text(BROKEN)
    command = [sys.executable, "-m", "regtools", "check", "--podman", "6", "--diff", path.name]
    patch = subprocess.run(command, cwd=tmp_path, capture_output=True).stdout
    done = subprocess.run(["patch", "-p1"], cwd=tmp_path, input=patch, capture_output=True)
    assert (done.returncode, path.read_text()) == (0, FIXED), done.stdout
    assert [*tmp_path.iterdir()] == [path]


def test_a_second_run_changes_nothing(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--podman", "6", str(conf)]
    main([*words, "--fix"])
    before = conf.stat()
    assert main([*words, "--fix"]) == 0
    assert main([*words, "--diff"]) == 0
    assert conf.stat() == before
    out, err = capsys.readouterr()
    assert " ".join(err.split()) == f"{conf}: fixed left after this: 0 errors, 0 warnings, 1 note"
    assert "---" not in out


def test_mode_and_nothing_else_is_kept_beside_it(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--podman", "6", str(conf), "--fix"])
    assert stat.S_IMODE(conf.stat().st_mode) == 0o640
    assert listed(conf.parent) == {"registries.conf": FIXED.encode()}


@as_root
def test_the_owner_is_kept(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chown(conf, NOBODY, 7)
    main(["check", "--podman", "6", str(conf), "--fix"])
    assert (conf.read_text(), conf.stat().st_uid, conf.stat().st_gid) == (FIXED, NOBODY, 7)
    assert stat.S_IMODE(conf.stat().st_mode) == 0o640


def test_below_a_root_only_the_files_that_podman_reads_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    etc = tmp_path / "etc/containers"
    (etc / "registries.conf.d").mkdir(parents=True)
    for name in ("registries.conf", "registries.conf.d/a.conf", "registries.conf.d/b.bak"):
        (etc / name).write_text(BROKEN)
    words = ["check", "--root", str(tmp_path), "--uid", "0", "--podman", "6"]
    main([*words, "--diff"])
    assert "--- a/etc/containers/registries.conf\n" in capsys.readouterr().out
    main([*words, "--fix"])
    assert listed(etc) == {
        "registries.conf": FIXED.encode(),
        "registries.conf.d/a.conf": FIXED.encode(),
        "registries.conf.d/b.bak": BROKEN.encode(),
    }


def test_a_link_stays_and_its_target_is_written_as_podman_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    etc = tmp_path / "etc/containers"
    etc.mkdir(parents=True)
    (etc / "real.conf").write_text(BROKEN)
    (etc / "registries.conf").symlink_to("/etc/containers/real.conf")  # absolute: inside the root
    assert main(["check", "--root", str(tmp_path), "--uid", "0", "--podman", "6", "--fix"]) == 0
    assert (etc / "registries.conf").is_symlink()
    assert (etc / "real.conf").read_text() == FIXED


def test_what_has_a_fault_that_hides_the_rest_is_not_written(conf: Path) -> None:
    conf.write_text(text := 'location: docker.io\nx = {{a = "b"\ny = [[[\n')
    done = run(conf, "--fix")
    assert (done.returncode, conf.read_text()) == (1, text)
    assert "not changed: a fault in it has no fix and hides what follows it" in done.stderr


def test_what_is_left_is_told_and_is_no_success(conf: Path) -> None:
    conf.write_text(BROKEN + '[[registry]]\nprefix = "a.io"\nlocation = "b.io"\nblocked = "no"\n')
    done = run(conf, "--fix", "--json")
    left = json.loads(done.stdout)
    assert [finding["code"] for finding in left["findings"] if finding["severity"] == "error"] == [
        "string-for-boolean"
    ]
    assert done.returncode == 1
    assert conf.read_text().startswith(FIXED)


# Another user may not even read this Python: everything is imported first.
AS_NOBODY = """
import locale, os, sys, tempfile
from regtools.cli import check, main
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(main(sys.argv[1:]))
"""


@as_root
@pytest.mark.parametrize(
    ("mode", "words"),
    [(0o755, "Permission denied"), (0o777, "Operation not permitted")],
    ids=["folder", "owner"],
)
def test_without_permission_it_says_so_and_nothing_is_lost(mode: int, words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "registries.conf"
        conf.write_text(BROKEN)
        conf.parent.chmod(mode)  # a folder that all may write to: the new file's owner would be another one
        command = [sys.executable, "-c", AS_NOBODY, "check", "--podman", "6", str(conf), "--fix"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert listed(conf.parent) == {"registries.conf": BROKEN.encode()}
    assert done.returncode == 1
    assert f"the fixed file cannot be written: {words}" in " ".join(done.stderr.split())
    assert "check --diff prints the change as a patch" in done.stderr


# $1 how the file system is mounted, $2 what is in the file, $3 how much is put beside it; then the command.
MOUNTED = """
mount -t tmpfs -o size=64k tmpfs "$1" && cp "$2" "$1/registries.conf" || exit 99
if [ "$3" = full ]; then dd if=/dev/zero of="$1/rest" bs=1k >/dev/null 2>&1; else mount -o remount,ro "$1"; fi
shift 3; "$@"; status=$?
ls -A "${1%/*}" >&2
cat registries.conf >&2
exit $status
"""


@as_root
@pytest.mark.needs("unshare", "mount")
@pytest.mark.parametrize(
    ("kind", "words"), [("full", "No space left"), ("read-only", "Read-only file system")]
)
def test_a_disk_that_takes_nothing(kind: str, words: str, conf: Path, tmp_path: Path) -> None:
    point = tmp_path / "point"
    point.mkdir()
    conf.write_text(text := BROKEN + "# .\n" * 3000)
    script = MOUNTED.replace('ls -A "${1%/*}"', f"ls -A {point}").replace("cat ", f"cat {point}/")
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(point), str(conf), kind]
    command += [
        sys.executable,
        "-m",
        "regtools",
        "check",
        "--podman",
        "6",
        str(point / "registries.conf"),
        "--fix",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode == 99:
        pytest.skip("this machine mounts nothing here")
    assert done.returncode == 1
    assert f"cannot be written: {words}" in " ".join(done.stderr.split())
    assert done.stderr.endswith(text)
    assert ".registries.conf" not in done.stderr.partition("location")[0]


CHANGED = """
import os, sys
from regtools.cli import main
from regtools.cli.formats import repair
from regtools.files import write_file
def late(path, *rest, **more):
    with open(path, "a") as stream:
        stream.write("# by somebody else\\n")
    write_file(path, *rest, **more)
repair.write_file = late
sys.exit(main(sys.argv[1:]))
"""


def test_a_file_that_changes_meanwhile_is_left_alone(conf: Path) -> None:
    words = ["check", "--podman", "6", str(conf), "--fix"]
    done = subprocess.run([sys.executable, "-c", CHANGED, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "changed since it was read" in done.stderr
    assert listed(conf.parent) == {"registries.conf": f"{BROKEN}# by somebody else\n".encode()}


# Each line of the program that writes the file is the last one of a process of its own.
KILLED = """
import os, signal, sys
from pathlib import Path
from regtools.cli import main
from regtools.cli.formats import repair
conf, new = Path(sys.argv[1]), os.fsencode(sys.argv[2])
old, write = conf.read_bytes(), repair.write_file
def trace(frame, event, argument):
    global left
    if frame.f_code.co_filename.endswith("regtools/files.py"):
        left -= event == "line"
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
def killed(*a, **b):
    global left
    moments = []
    while True:
        left = len(moments) + 1
        child = os.fork()
        if not child:
            sys.settrace(trace)
            write(*a, **b)
            os._exit(0)
        ended = os.WIFEXITED(os.waitpid(child, 0)[1])
        assert conf.read_bytes() in (old, new)
        moments.append(conf.read_bytes() == old)
        for path in conf.parent.iterdir():
            assert path == conf or not path.name.endswith(".conf"), path
            path.unlink()
        conf.write_bytes(old)
        conf.chmod(0o640)
        if ended:
            print(len(moments), sum(moments), file=sys.stderr)
            return
repair.write_file = killed
main(["check", "--podman", "6", str(conf), "--fix"])
"""


def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(conf: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(conf), FIXED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    moments, old = map(int, done.stderr.splitlines()[0].split())
    assert 10 < old < moments


def test_diff_and_fix_exclude_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "x.conf", "--diff", "--fix"]) == 2


def test_a_byte_order_mark_that_podman_4_refuses_is_taken_off(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_bytes(b"\xef\xbb\xbf" + FIXED.encode())
    assert main(["check", "--podman", "4", str(conf), "--fix"]) == 0
    assert conf.read_bytes() == FIXED.encode()


def test_a_file_in_the_old_format_is_converted(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text('[registries.search]\nregistries = ["docker.io"]\n')
    assert main(["check", "--podman", "6", str(conf), "--fix"]) == 0
    assert conf.read_text() == 'unqualified-search-registries = ["docker.io"]\n'


def test_what_is_no_file_is_never_written(capsys: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    os.write(write, BROKEN.encode())
    os.close(write)
    assert main(["check", "--podman", "6", f"/dev/fd/{read}", "--fix"]) == 1
    os.close(read)
    assert capsys.readouterr().err
