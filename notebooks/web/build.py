"""Build the web edition into ``site/``: the book, the live chapters, the explorer. ``make web`` runs this.

Everything comes from the package registries and ends up in the site: a reader's browser asks nobody else.

::

    notebooks/ ─▶ stage ─▶ Sphinx ─────▶ site/            the book, from the stored outputs
    notebooks/ + wheels ─▶ JupyterLite ─▶ site/live/       the chapters, which run in the browser
    web/explorer + wheel ───────────────▶ site/explorer/   one page: paste a file, read the answer
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WEB = Path(__file__).resolve().parent
ROOT = WEB.parents[1]
NOTEBOOKS = ROOT / "notebooks"
WORK = ROOT / ".web"  # what is built on the way; may be deleted at any time
PYODIDE = ("pyodide.mjs", "pyodide.js", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
APART = ("web", "zh")  # folders beside the chapters that are no part of the English book


def main() -> int:
    """Build the parts that are asked for, in order."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("site", type=Path, help="directory that is made anew")
    text = "build this part alone, over what is there; may be repeated"
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help=text)
    options = parser.parse_args()
    site: Path = options.site.resolve()
    WORK.mkdir(exist_ok=True)
    if not options.only:
        shutil.rmtree(site, ignore_errors=True)  # a page that has gone is no part of it
    print(f"web: Python {sys.version.split()[0]}, Node {command(['node', '--version']).strip()}", flush=True)
    for part, build in PARTS.items():
        if not options.only or part in options.only:
            print(f"web: {part}", flush=True)
            build(site)
    return 0


# -- what the parts share ----------------------------------------------------------------------------------


def wheels(_site: Path) -> None:
    """Build our wheel, and a copy of it without notebooks and data for the explorer."""
    folder = WORK / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    run("build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (whole,) = folder.glob("podman_regtools-*.whl")
    small = folder / "explorer" / whole.name
    small.parent.mkdir()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            if not entry.filename.startswith("regtools/_share/") and ".data/" not in entry.filename:
                target.writestr(entry, source.read(entry))


def run(module: str, *words: str, cwd: Path = ROOT) -> None:
    """Run a module of this Python; its output is shown where it fails.

    Raises:
        SystemExit: it failed.
    """
    command([sys.executable, "-m", module, *words], cwd)


def command(words: list[str], cwd: Path = ROOT) -> str:
    """Run a program and return its output, which is shown where it fails.

    Raises:
        SystemExit: it failed, or is not there.
    """
    try:
        done = subprocess.run(
            words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit(f"web: {words[0]} is not here: install Node 20 or newer, and npm") from None
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nweb: {' '.join(words[:4])} failed with status {done.returncode}")
    return done.stdout


def chapters() -> Iterator[Path]:
    """Yield the chapters in the order of the book."""
    yield from sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    yield from sorted(NOTEBOOKS.glob("analysis/A*.ipynb"))


# -- the book ----------------------------------------------------------------------------------------------


class Edition(NamedTuple):
    """One language of the book.

    Attributes:
        source: its chapters and pages.
        place: directory below the site.
        language: as Sphinx names it.
        first: text of the first page.
        trees: captions of the tables of contents: tutorial, analysis, further pages.
        beside: further pages, in order.
    """

    source: Path
    place: str
    language: str
    first: str
    trees: tuple[str, str, str]
    beside: tuple[str, ...]


PAGES = ("one-hour", "messages", "glossary", "cheat-sheet", "what-changes", "analysis/sizing", "data")
EDITIONS = (
    Edition(
        NOTEBOOKS,
        "",
        "en",
        "index.md.in",
        ("Tutorial", "Analysis", "Beside the chapters"),
        (*PAGES, "codes/index", "reference"),
    ),
    Edition(
        NOTEBOOKS / "zh",
        "zh",
        "zh_CN",
        "index.zh.md.in",
        ("教程", "分析", "其他页面"),
        (*PAGES, "codes", "accelerators"),
    ),
)


def book(site: Path) -> None:
    """Stage the pages of each edition and let Sphinx make its book; a warning of Sphinx is a failure."""
    stages = {edition: WORK / "book" / edition.language for edition in EDITIONS}
    shutil.rmtree(WORK / "book", ignore_errors=True)
    for edition, folder in stages.items():
        stage(edition, folder)
    for edition, folder in stages.items():
        (other,) = [pages(each) for each in stages.values() if each != folder]
        told = {"language": edition.language, "place": edition.place, "other": switch(pages(folder), other)}
        (folder / "edition.json").write_text(json.dumps(told), "utf-8")
        words = ["-b", "html", "-W", "--keep-going", "-q", "-j", "auto"]
        trees = str(WORK / "doctrees" / edition.language)
        run("sphinx", *words, "-d", trees, str(folder), str(site / edition.place))


def pages(folder: Path) -> list[str]:
    """Return the names of a staged edition's pages."""
    found = [path.relative_to(folder).with_suffix("") for path in folder.rglob("*") if path.suffix in TEXTS]
    return sorted(name.as_posix() for name in found)


TEXTS = (".ipynb", ".md")
MADE = ("search", "genindex")  # pages that Sphinx makes in each edition


def switch(names: list[str], others: list[str]) -> dict[str, str]:
    """Return where the switch of language leads from each page: to the same page, else to the first one.

    The codes of findings have a page each in English, and one page of all in Chinese.
    """
    found = {name: f"{name}.html" if name in {*others, *MADE} else "index.html" for name in [*names, *MADE]}
    if "codes" in names:
        return found | {"codes": "codes/index.html"}
    each = {name: f"codes.html#{name[6:]}" for name in names if name.startswith("codes/")}
    return found | each | {"codes/index": "codes.html"}


def stage(edition: Edition, folder: Path) -> None:
    """Bring the pages of an edition into the form that Sphinx reads."""
    apart = shutil.ignore_patterns(*APART, "source", ".ipynb_checkpoints")
    shutil.copytree(edition.source, folder, ignore=apart)
    for name in ("conf.py", "_static"):
        source = WEB / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    for path in [each for each in folder.rglob("*") if each.suffix in TEXTS]:
        up = "../" * (len(path.relative_to(folder).parts) - 1)
        text = re.sub(r"\((?:\.\./)+data/README\.md", f"({up}data.md", path.read_text("utf-8"))
        text = re.sub(r"(\]\([\w./-]+\.(?:ipynb|md)#)([^)\s]+)", slugged, text)
        if path == folder / "codes.md":
            text = named_codes(text)
        path.write_text(text, "utf-8")
    if edition.source == NOTEBOOKS:
        shutil.copy(ROOT / "data" / "README.md", folder / "data.md")
        codes(folder / "codes")
        for page in WEB.glob("*.md"):
            shutil.copy(page, folder)
    (folder / "index.md").write_text(index(edition), "utf-8")


def named_codes(text: str) -> str:
    """Return the page of all codes, on which a link can lead to each of them."""
    from regtools.registries.checks import rules

    for code in rules():
        text = text.replace(f"- **`{code}`**", f'- <span id="{code}"></span>**`{code}`**', 1)
    return text


def slugged(link: re.Match[str]) -> str:
    """Return a link to a heading as Sphinx knows it: JupyterLab keeps capitals and punctuation."""
    return link[1] + re.sub(r"[^\w-]", "", link[2]).lower()


def index(edition: Edition) -> str:
    """Return the first page of an edition, with the tables of contents."""
    names = [path.relative_to(NOTEBOOKS).with_suffix("").as_posix() for path in chapters()]
    parts = ([n for n in names if "/" not in n], [n for n in names if "/" in n], edition.beside)
    text = (WEB / edition.first).read_text("utf-8")
    for caption, entries in zip(edition.trees, parts, strict=True):
        lines = ["```{toctree}", f":caption: {caption}", ":maxdepth: 1", ":hidden:", *entries, "```"]
        text += "\n" + "\n".join(lines) + "\n"
    return text


def codes(folder: Path) -> None:
    """Write a page for each diagnostic code, and one that lists them."""
    from regtools.registries.checks import page, rules

    folder.mkdir()
    rows = ["| code | severity | what |", "|---|---|---|"]
    for code, rule in sorted(rules().items()):
        lines = page(code).splitlines()
        (folder / f"{code}.md").write_text("\n".join([f"# `{code}`", "", *code_page(lines)]) + "\n", "utf-8")
        rows.append(f"| [`{code}`]({code}.md) | {rule.severity} | {cell(rule.what)} |")
    tree = "```{toctree}\n:hidden:\n" + "\n".join(sorted(rules())) + "\n```"
    opening = "The word in brackets at the end of a finding, as `regtools check` and the explorer print it."
    lines = ["# Codes of findings", "", opening, "", *rows, "", tree, ""]
    (folder / "index.md").write_text("\n".join(lines), "utf-8")


def code_page(lines: list[str]) -> Iterator[str]:
    """Yield the page of a code as Markdown: indented lines are TOML."""
    inside = False
    for line in [f"Severity: {lines[0].rpartition(' ')[2]}.", "", *lines[1:]]:
        indented = line.startswith("    ")
        if indented and not inside:
            yield "```toml"
        if inside and line and not indented:
            yield "```\n"
        inside = indented or (inside and not line)
        yield line[4:] if indented else line if inside or not line else prose(line)
    if inside:
        yield "```"


def prose(line: str) -> str:
    """Return a line of prose in which Markdown sees no markup."""
    return re.sub(r"([\\`*_\[\]<>$|])", r"\\\1", line)


def cell(text: str) -> str:
    """Return the text of a table's cell."""
    return prose(text).replace("\n", " ")


# -- the live chapters -------------------------------------------------------------------------------------


def live(site: Path) -> None:
    """Build JupyterLite over the chapters, with Pyodide, our wheel and what it imports inside the site."""
    lite = WORK / "live"
    shutil.rmtree(lite, ignore_errors=True)
    files, runtime = lite / "files", lite / "static" / "pyodide"
    runtime.mkdir(parents=True)
    for name in PYODIDE:
        shutil.copy(pyodide() / name, runtime)
    lock = json.loads((pyodide() / "pyodide-lock.json").read_text("utf-8"))
    # With the packages of the full lock, a missing one would be fetched from elsewhere.
    (runtime / "pyodide-lock.json").write_text(json.dumps(lock | {"packages": {}}), "utf-8")
    stage_files(files)
    config = {
        "PyodideLockAddon": {
            "enabled": True,
            "wheels": [str(WORK / "wheels")],
            "specs": ["micropip", "tomli", "ipywidgets"],
            # No wheels for a browser are in the package registries; chapters that need them are read there.
            "excludes_extra": ["pandas", "numpy", "matplotlib", "pycurl"],
            "prefetch_extra": ["podman-regtools", "ipywidgets", "micropip", "piplite", "jedi"],
        }
    }
    (lite / "jupyter_lite_config.json").write_text(json.dumps(config), "utf-8")
    # Tests ask the application.
    page = {"jupyter-lite-schema-version": 0, "jupyter-config-data": {"exposeAppInBrowser": True}}
    (lite / "jupyter-lite.json").write_text(json.dumps(page), "utf-8")
    words = ["build", "--contents", str(files), "--output-dir", str(site / "live"), "--no-sourcemaps"]
    run("jupyterlite_core.app", *words, "--apps", "notebooks", "--apps", "lab", cwd=lite)
    go_on_after_expected_errors(site / "live")


def stage_files(files: Path) -> None:
    """Copy what a reader finds in the live file browser."""
    for path in sorted(NOTEBOOKS.rglob("*")):
        name = path.relative_to(NOTEBOOKS)
        if path.is_dir() or name.parts[0] in APART or any(part.startswith(".") for part in name.parts):
            continue
        target = files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes()
        target.write_bytes(with_note(text) if path.suffix == ".ipynb" and path.name[:2] not in RUNS else text)
    target = files / "data.md"
    shutil.copy(ROOT / "data" / "README.md", target)


# Chapters that run whole in a browser, as tests/web shows; the rest needs more than it has.
RUNS = ("00", "05", "06", "07", "08", "09", "10")
NOTE = (
    "*In this browser the chapter can be read, but not run: it needs sockets, processes, or pandas and "
    "matplotlib. To run it, install regtools on your own machine and type* `regtools lab`."
)


def with_note(chapter: bytes) -> bytes:
    """Return a chapter with a first cell that says what it needs."""
    found = json.loads(chapter)
    note = {"cell_type": "markdown", "id": "in-a-browser", "metadata": {}, "source": NOTE}
    found["cells"].insert(1, note)
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


# JupyterLite 0.8.6 cancels the queue of Run All at every error, also where a cell is tagged raises-exception
# and the request says that the kernel is to go on. Both halves are in one line of the bundle.
_HANDLES = "await r.ready,await r.handleMessage(s)"
_REMEMBERS = "this._stops=s.content?.stop_on_error"
_CANCELS = '"error"===e.content.status&&"interrupt"!==e.metadata.cause&&('


def go_on_after_expected_errors(lite: Path) -> None:
    """Make Run All heed ``stop_on_error``, as kernels of JupyterLab do.

    Raises:
        SystemExit: this JupyterLite is another one.
    """
    texts = {path: path.read_text("utf-8") for path in lite.glob("build/*.js")}
    found = [path for path, text in texts.items() if _HANDLES in text and _CANCELS in text]
    if len(found) != 1:
        raise SystemExit("web: not the JupyterLite of constraints-web.txt: Run All would stop at errors")
    text = texts[found[0]].replace(_HANDLES, _HANDLES.replace(",", f",{_REMEMBERS},", 1))
    found[0].write_text(text.replace(_CANCELS, _CANCELS.replace("&&(", "&&!1!==this._stops&&(")), "utf-8")


def pyodide() -> Path:
    """Return the folder of the npm package, fetched as package-lock.json says."""
    folder = WORK / "node"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "node_modules" / ".package-lock.json"
    wanted = (WEB / "package-lock.json").read_bytes()
    if not stamp.exists() or (folder / "package-lock.json").read_bytes() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, folder)
        command(["npm", "ci", "--silent", "--no-audit", "--no-fund"], folder)
    return folder / "node_modules" / "pyodide"


# -- the explorer ------------------------------------------------------------------------------------------


def explorer(site: Path) -> None:
    """Copy the page, its wheels, and the list of what it keeps for use without a network."""
    target = site / "explorer"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(WEB / "explorer", target)
    (ours,) = (WORK / "wheels" / "explorer").glob("*.whl")
    (toml,) = (site / "live" / "static" / "pyodide-lock").glob("tomli-*.whl")
    for wheel in (ours, toml):
        shutil.copy(wheel, target)
    names = json.dumps([toml.name, ours.name])
    (target / "wheels.js").write_text(f"export const WHEELS = {names};\n", "utf-8")
    kept = [path for path in sorted(target.iterdir()) if path.name != "sw.js"]
    kept.append(site / "_static" / "icon.svg")
    runtime = site / "live" / "static" / "pyodide"
    kept += [path for path in sorted(runtime.iterdir()) if path.name != "pyodide.js"]
    files = ["./", *(Path(os.path.relpath(path, target)).as_posix() for path in kept)]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in kept)).hexdigest()[:16]
    worker = target / "sw.js"
    text = worker.read_text("utf-8").replace('VERSION = ""', f'VERSION = "{version}"')
    worker.write_text(text.replace("FILES = []", f"FILES = {json.dumps(files)}"), "utf-8")


PARTS = {"wheels": wheels, "book": book, "live": live, "explorer": explorer}

if __name__ == "__main__":
    raise SystemExit(main())
