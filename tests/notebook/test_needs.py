"""``%%needs``: what runs where a program is, and what is shown where it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

from regtools.notebook import needs
from regtools.notebook.doctor import Part
from regtools.notebook.magics import load_ipython_extension, unload_ipython_extension

HERE = Part("here", "here", "", "", ("sh",))
GONE = Part("gone", "gone-program", "", "", ("no-such-program",))
LOST = Part("lost", "lost-program", "", "", ("no-such-program-either",))
STORED = {
    "%%needs gone\nprint(1)": [{"output_type": "stream", "name": "stdout", "text": ["one\n", "two\n"]}],
    "%%needs gone\n1 / 0": [
        {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []}
    ],
    "%%needs gone\ntable": [
        {
            "output_type": "execute_result",
            "data": {"text/plain": ["a ", "table"], "text/html": "<b>a table</b>"},
        }
    ],
}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setattr("regtools.notebook.doctor.PARTS", (HERE, GONE, LOST))
    monkeypatch.setattr(
        needs, "_stored", lambda: {k: ("stored result of gone 1.2", v) for k, v in STORED.items()}
    )
    shell = InteractiveShell.instance()
    load_ipython_extension(shell)
    yield shell
    unload_ipython_extension(shell)
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, cell: str) -> tuple[bool, CapturedIO]:
    with capture_output() as said:
        done = shell.run_cell(cell, store_history=False)
    return done.success, said


def test_where_the_program_is_the_cell_runs(shell: InteractiveShell) -> None:
    assert run(shell, "%%needs here\nx = 20 + 1\nprint(x)")[1].stdout == "21\n"
    assert shell.user_ns["x"] == 21


def test_another_magic_may_follow(shell: InteractiveShell) -> None:
    assert run(shell, "%%needs here\n%%capture said\nprint(1)")[0]
    assert shell.user_ns["said"].stdout == "1\n"


def test_await_works_below_the_line(shell: InteractiveShell) -> None:
    assert run(shell, "%%needs here\nimport asyncio\nawait asyncio.sleep(0)\nprint(2)")[1].stdout == "2\n"


def test_elsewhere_the_stored_result_is_shown(shell: InteractiveShell) -> None:
    for cell in STORED:
        well, said = run(shell, cell)
        assert well
        assert said.stdout.startswith("gone-program is not here; stored result of gone 1.2:\n")
    assert run(shell, "%%needs gone\nprint(1)")[1].stdout.endswith(":\none\ntwo\n")
    assert run(shell, "%%needs gone\n1 / 0")[1].stdout.endswith(":\nZeroDivisionError: division by zero\n")
    (shown,) = run(shell, "%%needs gone\ntable")[1].outputs
    assert shown.data == {"text/plain": "a table", "text/html": "<b>a table</b>"}


def test_a_changed_cell_has_no_stored_result(shell: InteractiveShell) -> None:
    well, said = run(shell, "%%needs gone lost\nprint(2)")
    assert well
    assert said.stdout.startswith(
        "gone-program and lost-program are not here, and this cell is not the chapter's"
    )


def test_blanks_at_line_ends_change_no_cell(shell: InteractiveShell) -> None:
    assert run(shell, "%%needs gone\nprint(1)  \n\n")[1].stdout.endswith("one\ntwo\n")


@pytest.mark.parametrize(
    ("line", "said"), [("%%needs what", "no external program has the tag 'what'"), ("%%needs", "name what")]
)
def test_a_line_without_a_known_part_is_an_error(line: str, said: str, shell: InteractiveShell) -> None:
    well, output = run(shell, f"{line}\nprint(1)")
    assert not well
    assert said in output.stdout + output.stderr


def test_unloading_takes_the_line_back(shell: InteractiveShell) -> None:
    unload_ipython_extension(shell)
    assert not run(shell, "%%needs here\nprint(1)")[0]
    load_ipython_extension(shell)


def test_every_packaged_cell_with_the_line_is_found() -> None:
    needs._stored.cache_clear()
    found = needs._stored()
    assert len(found) > 100
    assert all(source.startswith("%%needs ") for source in found)
    assert all(origin.startswith("stored result of ") for origin, _ in found.values())


def test_a_replay_is_known_as_one() -> None:
    assert needs.is_replay({"text": "podman is not here; stored result of podman 4.3.1, Debian 12:\n"})
    assert needs.is_replay({"text": ["podman is not here, and … no stored result fits it\n"]})
    assert not needs.is_replay({"text": "podman is here\n"})
