"""The clinic's patients: broken as the chapter shows, for the real podman too, and repaired by ``check --fix``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from regtools import RegistriesConf, RegtoolsError, data_path
from regtools.cli import main
from regtools.cli.options import installed_release
from regtools.notebook.exercises import Exercise, Wrong, load_exercises
from regtools.notebook.magics import examine
from regtools.testbed.watch import attempts, watch
from tests.notebooks.stored import NOTEBOOKS, code_cells

CHAPTER = NOTEBOOKS / "10-broken-files-clinic.ipynb"
FILES = {path.stem[:2]: path for path in sorted(data_path("registries/clinic").glob("*.conf"))}
HUB = "docker.io/library/nginx:latest"

# Patient → what is asked for, and what podman complains of.
REFUSED = {
    "01": ("quay.io/team/app", r"toml: line 2\b"),
    "02": ("nginx", r"toml: line 2\b"),
    "03": ("nginx", "no unqualified-search registries are defined"),
    "04": ("quay.io/team/app", "mixing sysregistry v1/v2|must be in v2 format"),
    "05": ("nginx", "no unqualified-search registries are defined"),
    "06": ("nginx", r"toml: line 4\b"),
    "07": ("quay.io/team/app", "URI schemes are not supported"),
}
# Patient → what is asked for, and where podman goes without a word; the file means another place.
SILENT = {
    "03": ("quay.io/team/app", ["quay.io/team/app:latest"]),
    "08": ("nginx", [HUB]),
    "09": ("docker.io/nginx", [HUB]),
}
# Patient → what is asked for, and where podman goes after `check --fix`.
REPAIRED = {
    "01": ("nginx", [HUB, "registry.access.redhat.com/nginx:latest", "registry.redhat.io/nginx:latest"]),
    "02": ("docker.io/nginx", ["docker.mirror.example/library/nginx:latest", HUB]),
    "03": ("nginx", [HUB, "quay.io/nginx:latest"]),
    "04": ("nginx", [HUB]),
    "05": ("nginx", ["docker.mirror.example/library/nginx:latest", HUB]),
    "07": ("nginx", ["docker.mirror.example/library/nginx:latest", HUB]),
    "08": ("nginx", ["docker.mirror.example/library/nginx:latest", HUB]),
    "09": ("docker.io/nginx", ["cache.example/nginx:latest"]),
}
BY_HAND = {"06": "10-1", "10": "10-2"}  # patient → the exercise in which the reader repairs what has no fix
CONFS = [exercise for exercise in load_exercises().values() if exercise.rule.kind == "conf"]
# make test asks podman about the first wrong answer of each exercise, make test-long about all.
WRONG = [
    pytest.param(exercise, wrong, marks=[pytest.mark.long] if number else [], id=f"{exercise.name}-{number}")
    for exercise in CONFS
    for number, wrong in enumerate(exercise.wrong)
]


def repair(patient: str) -> str:
    """Return the text of a patient's file after `check --fix`."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "registries.conf")
        path.write_bytes(FILES[patient].read_bytes())
        main(["check", str(path), "--fix", "--podman", "6"])
        return path.read_text(encoding="utf-8")


look = cache(watch)


def seen(names: tuple[str, ...], text: str) -> list[tuple[tuple[str, ...], ...]]:
    """Give what the real podman does for each name: places, and how hosts are asked."""
    found = [look(name, text) for name in names]
    return [(each.tried, each.blocked, each.contacted) for each in found]


def test_the_chapter_writes_each_file_as_it_is() -> None:
    head = "%%writefile registries.conf\n"
    written = {
        cell.id.partition("-")[2]: cell.source.removeprefix(head) + "\n"
        for cell in code_cells(CHAPTER)
        if cell.source.startswith(head)
    }
    assert written == {str(int(number)): path.read_text() for number, path in FILES.items()}
    assert len(FILES) == 10


def test_each_patient_is_repaired_by_a_fix_or_by_the_reader() -> None:
    assert set(REPAIRED) | set(BY_HAND) == set(FILES)
    assert repair("06") == FILES["06"].read_text()
    assert set(BY_HAND.values()) <= {exercise.name for exercise in CONFS}


def test_every_patient_is_examined_and_something_is_found() -> None:
    assert set(REFUSED) | set(SILENT) | {"10"} == set(FILES)
    for path in FILES.values():
        assert any(finding.severity != "note" for finding in examine(path)), path.stem


@pytest.mark.needs("podman")
@pytest.mark.parametrize("patient", REFUSED)
def test_podman_complains_as_told(patient: str) -> None:
    image, words = REFUSED[patient]
    with pytest.raises(RegtoolsError, match=words):
        attempts(image, FILES[patient].read_text())


@pytest.mark.needs("podman")
@pytest.mark.parametrize("patient", SILENT)
def test_podman_goes_elsewhere_without_a_word(patient: str) -> None:
    image, expected = SILENT[patient]
    assert attempts(image, FILES[patient].read_text()) == expected


@pytest.mark.needs("podman")
def test_the_last_patients_cache_is_asked_by_https_only() -> None:
    asked = watch("docker.io/nginx", FILES["10"].read_text()).contacted
    assert {"https://cache.lab.test:5000", "http://registry-1.docker.io"} <= set(asked)
    assert "http://cache.lab.test:5000" not in asked


@pytest.mark.parametrize("patient", REPAIRED)
def test_a_repaired_file_has_no_findings_and_leads_where_it_should(patient: str) -> None:
    image, expected = REPAIRED[patient]
    text = repair(patient)
    assert [str(finding) for finding in examine(text) if finding.severity != "note"] == []
    for release in "456":
        found = RegistriesConf.from_toml(text, podman=release).resolve(image)
        assert [source.reference for source in found.sources] == expected


@pytest.mark.needs("podman")
@pytest.mark.parametrize("patient", REPAIRED)
def test_a_repaired_file_works_with_podman(patient: str) -> None:
    image, expected = REPAIRED[patient]
    assert attempts(image, repair(patient)) == expected


@pytest.mark.needs("podman")
@pytest.mark.parametrize("exercise", CONFS, ids=lambda exercise: exercise.name)
def test_the_solution_of_each_exercise_works_with_podman(exercise: Exercise) -> None:
    text = exercise.expected
    assert isinstance(text, str)
    conf = RegistriesConf.from_toml(text, podman=installed_release() or "6")
    for name in exercise.rule.names:
        did = look(name, text)
        sources = conf.resolve(name).sources
        assert did.tried == tuple(source.reference for source in sources)
        assert did.blocked == tuple(source.reference for source in sources if source.blocked)
        plain = {source.reference.partition("/")[0] for source in sources if source.insecure}
        assert {at.removeprefix("http://") for at in did.contacted if at.startswith("http://")} == plain


@pytest.mark.needs("podman")
@pytest.mark.parametrize("exercise, wrong", WRONG)
def test_each_wrong_answer_is_wrong_for_podman_too(exercise: Exercise, wrong: Wrong) -> None:
    assert isinstance(exercise.expected, str) and isinstance(wrong.answer, str)
    assert seen(exercise.rule.names, wrong.answer) != seen(exercise.rule.names, exercise.expected)
