"""What holds for every stored chapter, before anything is run."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from nbformat import write

from regtools.notebook.needs import LINE, needed
from tests.conftest import ROOT
from tests.notebooks.stored import CHAPTERS, NOTEBOOKS, code_cells, prose, read, tags

KNOWN_TAGS = {"raises-exception", "measured"}
HOSTS = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:io|com|org|net|cn|example|test|dev|de)\b(?!\()")
WELL_KNOWN = {
    "docker.io",
    "auth.docker.io",
    "production.cloudflare.docker.com",
    "cdn01.quay.io",
    "index.docker.io",
    "registry-1.docker.io",
    "quay.io",
    "gcr.io",
    "ghcr.io",
    "registry.access.redhat.com",
    "registry.redhat.io",
    "registry.fedoraproject.org",
    "localhost",
}
MACHINE_PATH = re.compile(r"/(?:home|root|tmp|work|usr/lib|opt|var/folders|Users)/|\.venv|site-packages")
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}|\b0x[0-9a-f]{9,}")
SECTIONS = ("Try it", "Summary", "Words", "In practice", "Next")

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def test_there_are_chapters() -> None:
    assert {"00-start-here", "06-toml-to-json"} <= {path.stem for path in CHAPTERS}


@each_chapter
def test_every_code_cell_was_run_in_order(path: Path) -> None:
    # nbval runs a cell without a count but compares nothing: a stripped notebook would pass whatever it prints.
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each_chapter
def test_nothing_switches_comparison_off(path: Path) -> None:
    for cell in code_cells(path):
        assert set(tags(cell)) <= KNOWN_TAGS, cell.id
        assert "NBVAL" not in cell.source, cell.id


@each_chapter
def test_a_cell_raises_exactly_where_it_says_so(path: Path) -> None:
    for cell in code_cells(path):
        raised = [output for output in cell.outputs if output.output_type == "error"]
        assert bool(raised) == ("raises-exception" in tags(cell)), cell.id


@each_chapter
def test_what_is_measured_is_asserted(path: Path) -> None:
    """The numbers of such a cell are not compared, so it or the next code cell says what must hold of them."""
    cells = code_cells(path)
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if "measured" in tags(cell):
            assert any(each and asserts(each.source) for each in (cell, following)), cell.id
            assert cell.outputs, f"{cell.id} measures and shows nothing"


def asserts(source: str) -> bool:
    if body(source).startswith("%%terminal"):  # if the last command fails, the output ends with its status
        return re.search(r"^ *test ", source.rstrip().splitlines()[-1]) is not None
    lines = (line for line in body(source).splitlines() if not line.startswith(("%", "!")))
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse("\n".join(lines))))


def body(source: str) -> str:
    """The cell as it runs where all that it needs is there."""
    return source.partition("\n")[2] if needed(source) else source


def test_cells_with_a_replay_are_distinct() -> None:
    # A replay is found by the source alone, in whichever chapter the cell is.
    sources = Counter(cell.source for path in CHAPTERS for cell in code_cells(path) if needed(cell.source))
    assert len(sources) > 100
    assert [source for source, count in sources.items() if count > 1] == []


@each_chapter
def test_chapters_name_where_their_stored_results_are_from(path: Path) -> None:
    tags = {tag for cell in code_cells(path) for tag in needed(cell.source)}
    origin = read(path).metadata.get("regtools", {})
    assert tags <= set(origin.get("versions", {}))
    assert not tags or re.fullmatch(r"20\d\d-\d\d-\d\d", origin["on"][1])


def test_bodies_below_needs_are_in_style(tmp_path: Path) -> None:
    for path in CHAPTERS:
        chapter = read(path)  # ruff passes over a cell that begins with a magic that it does not know
        for cell in chapter.cells:
            cell.source = body(cell.source) if cell.cell_type == "code" else cell.source
        write(chapter, tmp_path / path.name)
    told = (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace(', "F401"]', "]")
    (tmp_path / "pyproject.toml").write_text(told, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", tmp_path]
    done = subprocess.run(ruff, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@each_chapter
def test_the_shape_is_that_of_a_chapter(path: Path) -> None:
    cells = read(path).cells
    number, _, rest = path.stem.partition("-")
    assert re.match(
        rf"# {number} · .+\?\n\n\*Chapter {number} · about \d+ minutes · needs .+\*", cells[0].source
    )
    assert rest
    headings = re.findall(r"^## (.+)$", prose(path), re.MULTILINE)
    assert [title for title in headings if title in SECTIONS] == list(SECTIONS)
    assert headings[-len(SECTIONS) :] != headings  # it has sections of its own
    text = prose(path)
    goals = re.search(r"\*\*You will be able to\*\*\n\n((?:- .+\n?)+)", text)
    assert goals and len(re.findall(r"^- \*\*[a-z]+\*\* ", goals[1], re.MULTILINE)) == 3
    assert text.count("**Predict") >= 2
    assert text.count("**What happened.**") >= 2
    assert len(re.findall(r"^## Summary\n\n(?:\d\. .+\n?){5}", text, re.MULTILINE)) == 1
    assert "```console" in text.split("## In practice")[1]
    assert any("raises-exception" in tags(cell) for cell in code_cells(path))


@each_chapter
def test_links_and_pictures_exist(path: Path) -> None:
    text = prose(path)
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text)
    assert pictures
    for alt, target in pictures:
        assert len(alt) > 40, f"{target}: say in words what the picture shows"
        assert target.endswith(".svg") and (path.parent / target).is_file(), target
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)", text):
        assert (path.parent / target).is_file(), target
    assert "<img" not in text and "attachment:" not in text


@each_chapter
def test_no_output_speaks_of_a_machine(path: Path) -> None:
    for cell in read(path).cells:
        stored = json.dumps(cell, ensure_ascii=False)
        assert not ADDRESS.search(stored), cell.id
        outputs = json.dumps(cell.get("outputs", []), ensure_ascii=False)
        assert not MACHINE_PATH.search(outputs), cell.id
        assert not [o for o in cell.get("outputs", []) if o.get("name") == "stderr"], cell.id


@each_chapter
def test_hosts_are_for_practice_or_well_known(path: Path) -> None:
    for cell in read(path).cells:
        stored = json.dumps([cell.source, cell.get("outputs", [])], ensure_ascii=False)
        stored = stored.replace("\\n", " ")  # or the n of a line's end would begin the host
        for host in HOSTS.findall(stored):
            assert host in WELL_KNOWN or host.endswith((".example", ".test")), (cell.id, host)


@each_chapter
def test_outputs_show_in_an_untrusted_notebook(path: Path) -> None:
    for cell in code_cells(path):
        for output in cell.outputs:
            data = output.get("data", {})
            assert set(data) <= {"text/plain", "text/html", "image/png", "application/json"}, cell.id
            assert not re.search(r"<(style|script|svg|iframe)", str(data.get("text/html", ""))), cell.id
            assert "text/html" not in data or len(data["text/plain"]) > 10, cell.id


@each_chapter
def test_no_other_cell_depends_on_one_with_needs(path: Path) -> None:
    """Names that only such cells give are used by such cells alone (running on a bare PATH proves the rest)."""
    only_there: set[str] = set()
    for cell in code_cells(path):
        if body(cell.source).startswith("%%"):
            continue
        lines = body(cell.source).splitlines()
        tree = ast.parse("\n".join(line for line in lines if not line.startswith("%")))
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        given = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        given |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        if cell.source.startswith(LINE):
            only_there |= given
        else:
            only_there -= given
            assert not {node.id for node in names if isinstance(node.ctx, ast.Load)} & only_there, cell.id


def test_the_map_of_chapters_is_honest() -> None:
    rows = re.findall(
        r"^\| (\d\d|A\d) \| \[(.+)\]\((.+)\) \|$", prose(NOTEBOOKS / "00-start-here.ipynb"), re.MULTILINE
    )
    written = [path.relative_to(NOTEBOOKS).as_posix() for path in CHAPTERS if not path.stem.startswith("00")]
    assert [where for *_, where in rows] == sorted(written, key=lambda where: where.rpartition("/")[2])
    for number, question, where in rows:
        assert prose(NOTEBOOKS / where).startswith(f"# {number} · {question}\n")


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOKS.rglob("images/*.svg")), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix()
)
def test_pictures_are_readable_on_any_background(path: Path) -> None:
    space = "{http://www.w3.org/2000/svg}"
    picture = ET.parse(path).getroot()
    assert picture.find(f"{space}title") is not None and picture.find(f"{space}desc") is not None
    panel = picture.find(f"{space}rect")  # the first shape is a panel of its own under everything
    assert panel is not None and panel.get("fill", "").startswith("#f")
    width, height = (float(picture.get(side, 0)) for side in ("width", "height"))
    assert float(panel.get("width", 0)) >= width - 2 and float(panel.get("height", 0)) >= height - 2
    for text in picture.iter(f"{space}text"):
        assert 0 < float(text.get("x", -1)) < width and 0 < float(text.get("y", -1)) < height
    assert "href" not in path.read_text(encoding="utf-8") and path.stat().st_size < 20_000
    assert any(path.name in prose(chapter) for chapter in CHAPTERS), "no chapter shows this picture"


def test_every_sample_file_is_told_about(root: Path) -> None:
    told = set(re.findall(r"`([\w/-]+\.conf)`", (root / "data" / "README.md").read_text(encoding="utf-8")))
    there = {f.relative_to(root / "data" / "registries").as_posix() for f in (root / "data").rglob("*.conf")}
    assert there <= told | {f"registries/{name}" for name in told}


def test_ids_are_unique_and_readable() -> None:
    for path in CHAPTERS:
        ids = Counter(cell.id for cell in read(path).cells)
        assert max(ids.values()) == 1
        assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in ids)
