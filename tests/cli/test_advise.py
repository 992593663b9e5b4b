"""``regtools advise``: a drop-in, never over somebody's file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from regtools.campaigns.journal import append
from tests.analysis.test_advise import LOCATIONS, TEXT
from tests.analysis.test_charts import pull
from tests.support.command import regtools


def run(command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return regtools(command, *arguments)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "pulls.jsonl"
    for number in range(1, 13):
        for place, total in (("dead", 0.1), ("slow", 4.0), ("fast", 1.0)):
            source = f"{LOCATIONS[place]}/library/nginx:latest"
            made = pull(place, total + number / 100, ok=place != "dead").replace(
                image="nginx", attempts=(source,)
            )
            append(path, made.replace(run_id=f"{place}{number}", round=number))
    return path


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "registries.conf"
    path.write_text(TEXT)
    return path


def test_the_written_drop_in_is_in_effect_and_nothing_else_changes(
    journal: Path, conf: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "registries.conf.d"
    folder.mkdir()
    target = folder / "50-measured.conf"
    done = run("advise", journal, "--conf", conf, "--write", target)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "written" in done.stderr
    assert run("advise", journal, "--conf", conf).stdout == target.read_text()
    assert run("check", conf, target).returncode == 0
    explained = json.loads(
        run("explain", "nginx", "--conf", conf, "--dropins", folder, "--podman", "5", "--json").stdout
    )
    hosts = [each["reference"].partition("/")[0] for each in explained["result"]["candidates"][0]["sources"]]
    assert hosts == ["fast.example", "slow.example", "dead.example", "docker.io"]
    assert conf.read_text() == TEXT


def test_a_file_that_says_something_else_is_not_replaced_without_force(
    journal: Path, conf: Path, tmp_path: Path
) -> None:
    target = tmp_path / "mine.conf"
    target.write_text("# mine\n")
    done = run("advise", journal, "--conf", conf, "--write", target)
    assert done.returncode == 1
    assert "--force replaces it" in done.stderr
    assert target.read_text() == "# mine\n"
    assert run("advise", journal, "--conf", conf, "--write", target, "--force").returncode == 0
    again = run("advise", journal, "--conf", conf, "--write", target)
    assert (again.returncode, "says so already" in again.stderr) == (0, True)


def test_no_advice_is_status_1_and_writes_nothing(journal: Path, conf: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(journal.read_text().splitlines(keepends=True)[:9]))
    done = run("advise", few, "--conf", conf, "--write", tmp_path / "new.conf")
    assert done.returncode == 1
    assert "3 rounds have all of its mirrors" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new.conf").exists()


def test_no_change_needed_is_status_0_and_writes_nothing(journal: Path, conf: Path, tmp_path: Path) -> None:
    folder, target = tmp_path / "registries.conf.d", tmp_path / "new.conf"
    folder.mkdir()
    assert run("advise", journal, "--conf", conf, "--write", folder / "50.conf").returncode == 0
    done = run("advise", journal, "--conf", conf, "--dropins", folder, "--write", target)
    assert done.returncode == 0
    assert done.stdout.startswith("# No change: docker.io: the current order is the best of all")
    assert "no change is needed" in done.stderr
    assert not target.exists()


def test_what_cannot_be_written_is_told(journal: Path, conf: Path, tmp_path: Path) -> None:
    done = run("advise", journal, "--conf", conf, "--write", tmp_path / "none" / "file.conf")
    assert done.returncode == 1
    assert "[file-unwritable]" in done.stderr


def test_each_vantage_point_gets_a_drop_in_of_its_own_and_there_is_one_for_all(
    conf: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "many.jsonl"
    for town, times in (
        ("bonn", (("slow", 3.0), ("fast", 1.0))),
        ("new york", (("slow", 1.0), ("fast", 2.0))),
    ):
        for number in range(1, 13):
            for place, total in (("dead", 0.1), *times):
                made = pull(place, total + number / 100, ok=place != "dead")
                source = f"{LOCATIONS[place]}/library/nginx:latest"
                run_id = f"{town}{place}{number}"
                row = made.replace(
                    image="nginx", attempts=(source,), vantage=town, run_id=run_id, round=number
                )
                append(journal, row)
    alone = run("advise", journal, "--conf", conf)
    assert alone.returncode == 1
    assert "--by vantage" in alone.stderr
    folder = tmp_path / "files"
    done = run("advise", journal, "--conf", conf, "--by", "vantage", "--write", folder)
    assert done.returncode == 0, done.stderr
    assert "new york: a file of its own" in done.stdout
    assert sorted(each.name for each in folder.iterdir()) == [
        "at-bonn.conf",
        "at-new-york.conf",
        "for-all.conf",
    ]
    for each in folder.iterdir():
        assert run("check", conf, each).returncode == 0
    again = run("advise", journal, "--conf", conf, "--by", "vantage", "--write", folder)
    assert again.returncode == 0
    assert again.stderr.count("says so already") == 3
    (folder / "for-all.conf").write_text("# mine\n")
    assert run("advise", journal, "--conf", conf, "--by", "vantage", "--write", folder).returncode == 1
    assert (folder / "for-all.conf").read_text() == "# mine\n"
