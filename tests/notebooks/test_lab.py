"""JupyterLab really opens: started as a reader starts it, asked over HTTP, and gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.stored import NOTEBOOKS, read
from tests.support.browser import Browser

TOKEN = "a-token-for-this-test"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, path: str, method: str = "GET") -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    request.add_header("Authorization", f"token {TOKEN}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        body: bytes = answer.read()
        return body


@contextlib.contextmanager
def served(command: list[str], port: int, cwd: Path, home: Path) -> Iterator[int]:
    """Start ``command``, wait until it answers on ``port``, stop it as the menu does; nothing may be left."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "MAKE"))}
    environ |= {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    log = home / "lab.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield port
        ask(port, "/api/shutdown", "POST")
        assert process.wait(60) == 0, log.read_text()
        with pytest.raises(ProcessLookupError):
            _wait_until_gone(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            ask(port, "/api/status")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"no answer after a minute:\n{log.read_text()}")


def _wait_until_gone(group: int) -> None:
    for _ in range(100):
        os.killpg(group, 0)
        time.sleep(0.1)


def options(port: int) -> list[str]:
    return [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
    ]


def make(target: str, port: int, *more: str) -> list[str]:
    """Call make as a reader does; -o: this environment is set up already, whatever its files' times say."""
    given = " ".join([*options(port), *more])
    ready = [word for stamp in (".ready", ".desk") for word in ("-o", f"{sys.prefix}/{stamp}")]
    return ["make", target, f"VENV={sys.prefix}", *ready, f"LAB_ARGS={given}"]


def check_what_is_served(port: int) -> None:
    assert b"<title>JupyterLab" in ask(port, "/lab/tree/00-start-here.ipynb")
    chapter = json.loads(ask(port, "/api/contents/00-start-here.ipynb"))
    assert chapter["type"] == "notebook"
    assert len(chapter["content"]["cells"]) == len(read(NOTEBOOKS / "00-start-here.ipynb").cells)
    assert ask(port, "/files/images/00-the-road.svg").startswith(b"<svg")


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what git tracks here, so that saving may change it; each target has notebooks of its own in it."""
    target = tmp_path_factory.mktemp("checkout") / "clone"
    tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(tracked, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    subprocess.run(["git", "add", "-A"], cwd=target, check=True)
    return target


def changed(checkout: Path) -> str:
    """What git finds changed since it was told of everything."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    lines = subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith("A "))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """What `make lab` serves; it ends at the end of the file, and has then changed nothing that git tracks."""
    home = tmp_path_factory.mktemp("lab")
    with started("lab", checkout, home) as port:
        yield port
    assert changed(checkout) == ""
    assert "pip install" not in (home / "lab.log").read_text()


def started(target: str, checkout: Path, home: Path) -> contextlib.AbstractContextManager[int]:
    """Start a target of make as a reader does, with what lets a browser be asked about JupyterLab."""
    port = free_port()
    return served(make(target, port, "--LabApp.expose_app_in_browser=True"), port, checkout, home)


PANEL = "[...(window.jupyterapp?.shell.widgets('main') ?? [])].find(each => each.context?.isReady)"
# The kernel's answer is what brings the exact version of its Python into the file. A copy of one's own has it before
# there is a kernel, and a cell that is run then runs nowhere: so the kernel has to wait for us, too.
READY = f"""!!{PANEL}?.content.model.getMetadata('language_info')?.version
    && {PANEL}.sessionContext.session?.kernel?.status === 'idle'"""
PYTHON = sys.version.split()[0]
SAVE = f"{PANEL}.context.save().then(() => true)"


def open_and_save(browser: Browser, port: int) -> None:
    """Open the address that is printed, which leads on to the first chapter, and save that."""
    check_what_is_served(port)
    browser.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
    browser.wait(f"location.port === '{port}' && location.pathname === '/lab/tree/00-start-here.ipynb'")
    browser.wait(READY)


def check_that_it_is_saved(browser: Browser, checkout: Path, folder: str, *, as_it_was: bool) -> None:
    assert browser.evaluate(SAVE)
    assert not browser.evaluate("document.body.innerText.includes('official Jupyter news')")
    assert changed(checkout) == ""
    saved = checkout / folder / "00-start-here.ipynb"
    assert (saved.read_bytes() == (NOTEBOOKS / saved.name).read_bytes()) == as_it_was


@pytest.mark.needs("make", "git", "chromium")
def test_a_chapter_that_is_opened_and_saved_in_ones_own_copy_leaves_the_checkout_clean(
    lab: int, browser: Browser, checkout: Path
) -> None:
    open_and_save(browser, lab)
    # The copy has the version of this Python already, so opening it changes nothing.
    assert browser.evaluate(f"{PANEL}.content.model.getMetadata('language_info').version") == PYTHON
    assert browser.evaluate(f"{PANEL}.context.model.dirty") is False
    check_that_it_is_saved(browser, checkout, "my-notebooks", as_it_was=False)


@pytest.mark.long
@pytest.mark.needs("make", "git", "chromium")
def test_a_chapter_that_its_author_opens_and_saves_leaves_the_checkout_clean(
    browser: Browser, checkout: Path, tmp_path: Path
) -> None:
    with started("author", checkout, tmp_path) as port:
        open_and_save(browser, port)
        check_that_it_is_saved(browser, checkout, "notebooks", as_it_was=True)
    assert changed(checkout) == ""
    assert "pip install" not in (tmp_path / "lab.log").read_text()


@pytest.mark.long
def test_regtools_lab_serves_a_copy_of_ones_own(tmp_path: Path) -> None:
    port = free_port()
    more = [f"--lab-option={option}" for option in options(port)[2:]]
    command = [sys.executable, "-m", "regtools", "lab", "mine", "--no-open", f"--port={port}", *more]
    with served(command, port, tmp_path, tmp_path):
        check_what_is_served(port)
    log = (tmp_path / "lab.log").read_text()
    assert f"http://localhost:{port}/lab/tree/00-start-here.ipynb" in log
    assert (tmp_path / "mine" / "exercises.toml").is_file()


ASKED = f"""{PANEL}.sessionContext.session.kernel.requestExecute(
    {{code: "import os; print(os.environ['REGTOOLS_LANG'])"}}
)"""
PRINTED = f"""new Promise(resolve => {{
    const future = {ASKED};
    future.onIOPub = message => message.header.msg_type === 'stream' && resolve(message.content.text);
}})"""


@pytest.mark.long
@pytest.mark.needs("make", "git", "chromium")
def test_make_lab_zh_opens_chapters_jupyterlab_and_kernels_in_chinese(
    browser: Browser, checkout: Path, tmp_path: Path
) -> None:
    with started("lab-zh", checkout, tmp_path) as port:
        browser.open(f"http://127.0.0.1:{port}/?token={TOKEN}")
        browser.wait(f"location.port === '{port}' && {READY}")
        browser.wait("document.body.innerText.includes('文件')")  # the menu
        browser.wait("document.body.innerText.includes('这套笔记本怎么用')")
        assert browser.evaluate(PRINTED) == "zh\n"
        assert browser.evaluate(f"{PANEL}.context.model.dirty") is False
    assert changed(checkout) == ""


BROKEN = 'unqualified-search-registries = [docker.io]\n[[registry]]\nlocation = "registry.lab.test:5000"\n'
# What is below the explorer's cell, and what is shown there.
CELL = f"{PANEL}.content.widgets.find(each => each.model.id === 'explorer')"
BELOW = f"{CELL}.outputArea.node"
SHOWS = f"{BELOW}.innerText.includes"
AREA = f"{BELOW}.querySelector('textarea')"


def run(browser: Browser, cell: str) -> None:
    """Run one cell as a reader does: make it the active one, press the button."""
    browser.evaluate(
        f"{PANEL}.content.activeCellIndex = {PANEL}.content.widgets.findIndex(each => each.model.id === '{cell}')"
    )
    browser.evaluate("window.jupyterapp.commands.execute('notebook:run-cell').then(() => true)")


@pytest.mark.long
@pytest.mark.needs("make", "git", "chromium")
def test_a_pasted_file_is_answered_and_mended_below_its_cell(lab: int, browser: Browser) -> None:
    browser.open(f"http://127.0.0.1:{lab}/lab/tree/07-registries-conf.ipynb?reset&token={TOKEN}")
    browser.wait(f"location.port === '{lab}' && !!({CELL}) && {READY}")
    # A stored notebook is not trusted, and nothing has been run: the answer is its HTML.
    assert browser.evaluate(f"{CELL}.model.trusted") is False
    told = f"{SHOWS}('has a scheme') && {SHOWS}('Run this cell')"  # the cell is drawn once it is in view
    browser.wait(f"{PANEL}.content.scrollToCell({CELL}).then(() => {told})")
    assert browser.evaluate(f"!{AREA} && {BELOW}.querySelectorAll('table').length > 0")
    run(browser, "imports")
    run(browser, "explorer")
    browser.wait(f"!!{AREA} && {SHOWS}('has a scheme')")
    browser.evaluate(f"{AREA}.focus() ?? {AREA}.select()")
    browser.send("Input.insertText", text=BROKEN)
    browser.wait(f"{SHOWS}('[docker.io]') && !{SHOWS}('has a scheme')")
    assert not browser.evaluate(f"{SHOWS}('docker.io/library/nginx:latest')")
    browser.evaluate(
        f"[...{BELOW}.querySelectorAll('button')].find(each => each.innerText === 'Apply this fix').click()"
    )
    browser.wait(f"{SHOWS}('docker.io/library/nginx:latest') && {SHOWS}('nothing found')")
    assert browser.evaluate(f"{AREA}.value") == BROKEN.replace("[docker.io]", '["docker.io"]')
