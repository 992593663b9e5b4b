"""The chapters that run in a browser, and the explorer's answers, in the browser's Python without a browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from notebooks.web.build import RUNS, stage_files
from regtools.notebook.exploration import explore
from tests.conftest import LONG
from tests.notebooks.stored import NOTEBOOKS, read
from tests.web.comparing import differences
from tests.web.runtime import node_modules, packages

pytestmark = pytest.mark.needs("node", "npm")

LIVE = [path for number in RUNS for path in NOTEBOOKS.glob(f"{number}-*.ipynb")]
# Together they have outputs of every kind, errors and stored results.
QUICK = [path for path in LIVE if path.name.startswith(("06", "08"))]
MAIN = "/etc/containers/registries.conf"
QUESTIONS = [
    {"files": {MAIN: text}, "image": "nginx", "podman": podman}
    for podman in ("4", "5", "6")
    for text in (
        'unqualified-search-registries = ["docker.io"]\n',
        "unqualified-search-registries = [docker.io]\n",
        '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "near.example"\nunqualified-search-registries = ["quay.io"]\n',
        '{"registry-mirrors": ["https://near.example"]}\n',
        "<script>alert(1)</script>\n",
    )
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    runtime = node_modules() / "pyodide"
    folder = tmp_path_factory.mktemp("packages")
    asked = tmp_path_factory.mktemp("asked") / "asked.json"
    chapters = {path.name: path.read_text("utf-8") for path in (LIVE if LONG else QUICK)}
    asked.write_text(json.dumps({"chapters": chapters, "questions": QUESTIONS}), "utf-8")
    script = Path(__file__).with_name("quick.mjs")
    words = ["node", str(script), str(runtime), str(packages(folder)), str(asked)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_python_is_the_browsers(told: dict[str, Any]) -> None:
    assert told["platform"] == "emscripten"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if path in QUICK else [pytest.mark.long], id=path.stem[:2])
        for path in LIVE
    ],
)
def test_a_live_chapter_shows_its_stored_outputs(path: Path, told: dict[str, Any]) -> None:
    found = [*differences(read(path), told["chapters"][path.name])]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_the_explorer_answers_in_the_browser_as_here(number: int, told: dict[str, Any]) -> None:
    here = json.loads(json.dumps(explore(**QUESTIONS[number]).to_dict()))
    assert told["explored"][number] == here


def test_a_chapter_that_a_browser_cannot_run_says_so(tmp_path: Path) -> None:
    stage_files(tmp_path)
    chapters = [path for path in sorted(NOTEBOOKS.rglob("*.ipynb")) if "zh" not in path.parts]
    assert len(chapters) == 20 and len(LIVE) == 7
    for path in chapters:
        staged, stored = read(tmp_path / path.relative_to(NOTEBOOKS)).cells, read(path).cells
        if path in LIVE:
            assert staged == stored
        else:
            assert "can be read, but not run" in staged[1].source and staged[:1] + staged[2:] == stored
