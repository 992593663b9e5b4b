"""The explorer: files that can be typed into, fixes that can be applied and taken back, and what others read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets import HTML, Button, Text, Textarea, ToggleButtons, Widget

import regtools as rt
from regtools.display import printable
from regtools.notebook import live
from regtools.notebook.exploration import DROPIN, MAIN, Exploration
from regtools.notebook.explorer import LACKING, RUN, SAMPLE, Explorer
from tests.conftest import examples

WIDGET = "application/vnd.jupyter.widget-view+json"
FIXED = SAMPLE.replace("https://", "")
BROKEN = "unqualified-search-registries = [docker.io]\n"


class Desk:
    """An explorer as JupyterLab shows it, and what a person does there."""

    def __init__(self, explorer: Explorer) -> None:
        shown = explorer._repr_mimebundle_()
        assert explorer._desk
        self.widget = explorer._desk.widget
        assert shown[WIDGET]["model_id"] == self.widget.model_id

    def shown(self) -> Iterator[Widget]:
        """All widgets, as they are shown from the top."""
        stack = [self.widget]
        while stack:
            widget = stack.pop()
            yield widget
            stack += reversed(getattr(widget, "children", ()))

    def all(self, kind: type[Widget]) -> list[Widget]:
        return [each for each in self.shown() if isinstance(each, kind)]

    def button(self, words: str, number: int = 0) -> Button:
        return [each for each in self.all(Button) if each.description == words][number]

    def page(self) -> str:
        return "".join(
            getattr(each, "value", "") or "" for each in self.shown() if type(each).__name__ == "HTML"
        )


def test_a_fix_is_applied_and_taken_back() -> None:
    desk = rt.explorer()
    assert desk.files == {MAIN: SAMPLE}
    assert [finding.code for finding in desk.answer.findings] == ["scheme-not-allowed"]
    desk.apply(0)
    assert desk.files == {MAIN: FIXED} and not desk.answer.findings
    desk.undo()
    desk.undo()
    assert desk.files == {MAIN: SAMPLE}
    with pytest.raises(IndexError):
        desk.apply(1)


def test_what_is_typed_is_answered_at_once() -> None:
    desk = Desk(explorer := rt.explorer())
    assert "has a scheme" in desk.page()
    (area,) = desk.all(Textarea)
    area.value = BROKEN
    assert explorer.files == {MAIN: BROKEN}
    assert "unquoted-value" in desk.page() and "has a scheme" not in desk.page()
    desk.button("Apply this fix").click()
    assert area.value == 'unqualified-search-registries = ["docker.io"]\n'
    assert "docker.io/library/nginx:latest" in desk.page() and "nothing found" in desk.page()
    assert not [each for each in desk.all(Button) if each.description == "Apply this fix"]
    (image,) = [each for each in desk.all(Text) if each.description]
    image.value = "quay.io/app:1"
    assert "quay.io/app:1" in desk.page()
    desk.button("Undo").click()
    assert area.value == BROKEN and explorer.image == "quay.io/app:1"


def test_undo_does_not_reach_behind_what_was_typed() -> None:
    desk = Desk(explorer := rt.explorer())
    desk.button("Apply all fixes").click()
    assert explorer.files == {MAIN: FIXED} and not desk.button("Undo").disabled
    desk.all(Textarea)[0].value = "# mine\n"
    assert desk.button("Undo").disabled
    desk.button("Undo").click()
    assert explorer.files == {MAIN: "# mine\n"}


def test_files_are_added_and_removed() -> None:
    desk = Desk(explorer := rt.explorer(FIXED))
    desk.button("Add a drop-in").click()
    desk.button("Add a drop-in").click()
    assert list(explorer.files) == [MAIN, DROPIN, DROPIN.replace("50", "51")]
    desk.all(Textarea)[1].value = '[[registry]]\nlocation = "docker.io"\nblocked = true\n'
    assert "blocked" in desk.page()
    desk.button("Remove", 1).click()
    assert list(explorer.files) == [MAIN, DROPIN.replace("50", "51")]
    assert [each.value for each in desk.all(Textarea)] == [FIXED, ""]
    desk.button("Undo").click()
    assert list(explorer.files) == [MAIN, DROPIN, DROPIN.replace("50", "51")]
    for _ in range(3):
        desk.button("Remove").click()
    assert explorer.files == {} and "nothing found" in desk.page()


def test_the_findings_are_those_of_the_chosen_release() -> None:
    old = '[registries.search]\nregistries = ["docker.io"]\n'
    desk = Desk(rt.explorer(old, podman="5.4.2"))
    (release,) = desk.all(ToggleButtons)
    assert release.options == ("4", "5", "6", "5.4.2") and release.value == "5.4.2"
    release.value = "6"
    assert "Findings for podman 6" in desk.page()
    desk.button("Apply all fixes").click()
    assert "unqualified-search-registries" in desk.all(Textarea)[0].value


def test_paths_stay_as_they_were_typed() -> None:
    mine = "~/.config/containers/registries.conf"
    desk = rt.explorer({mine: SAMPLE})
    desk.apply()
    assert desk.files == {mine: FIXED}


def test_more_findings_are_shown_and_fewer_again() -> None:
    desk = Desk(rt.explorer(f"insecure = 1\n{FIXED}locatio = 3\n"))
    both = len(desk.all(HTML))
    desk.all(Textarea)[0].value = FIXED
    assert len(desk.all(HTML)) == both - 2 and "locatio =" not in desk.page()
    desk.all(Textarea)[0].value = f"{FIXED}locatio = 3\n"
    assert len(desk.all(HTML)) == both - 1 and "locatio =" in desk.page()


@pytest.mark.parametrize(
    "path",
    ["", "registries.conf", "/etc/" + "a" * 300, "/etc/\0", MAIN, f"{MAIN}/x/y", f"{MAIN}/", "/etc/\ud800"],
)
def test_a_bad_path_is_an_answer(path: str) -> None:
    desk = Desk(explorer := rt.explorer({MAIN: FIXED, DROPIN: FIXED}))
    desk.all(Text)[2].value = path
    assert isinstance(explorer.answer, rt.RegtoolsError) and explorer.answer.kind in ("bad-path", "same-path")
    assert printable(str(explorer.answer)) in str(explorer)
    assert "[same-path]" in desk.page() or "[bad-path]" in desk.page()
    assert desk.button("Apply all fixes").disabled
    explorer.apply()
    desk.all(Text)[2].value = "/etc/containers/other.conf"
    assert isinstance(explorer.answer, Exploration)


@settings(max_examples=examples(long=2_000, short=40))  # ipywidgets keeps what it has made
@given(st.text(st.characters(), max_size=60), st.text(max_size=30))
def test_any_text_is_answered_and_every_fix_can_be_applied(text: str, image: str) -> None:
    explorer = rt.explorer(text, image)
    assert isinstance(explorer.answer, Exploration)
    for number in range(len(explorer.answer.findings)):
        explorer.apply(number)
        explorer.undo()
    explorer.apply()
    assert (
        "<script" not in rt.explorer("<script>" + text, "<script>" + image)._repr_mimebundle_()["text/html"]
    )


def test_others_read_the_same_answer() -> None:
    explorer = rt.explorer("# a <b>\n" + SAMPLE)
    shown = explorer._repr_mimebundle_()
    assert set(shown) == {WIDGET, "text/plain", "text/html"}
    assert shown["text/plain"] == str(explorer) == repr(explorer)
    assert "has a scheme" in str(explorer) and f"{MAIN}\n  # a <b>\n  unqualified" in str(explorer)
    html = shown["text/html"]
    assert "has a scheme" in html and "a &lt;b&gt;" in html and "https://near.mirror.example" in html
    assert RUN in html and "<style" not in html and "class=" not in html


def test_a_secret_is_not_kept() -> None:
    shown = rt.explorer('password = "hunter2"\n')._repr_mimebundle_()
    assert "hunter2" not in shown["text/plain"] + shown["text/html"]


def test_without_ipywidgets_the_answer_is_there_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PACKAGE", "no_such_package")
    shown = rt.explorer()._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert "has a scheme" in shown["text/html"] and "podman-regtools[lab]" in shown["text/html"]
    assert LACKING not in shown["text/plain"]


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(rt.RegtoolsError, match="no rules for podman '7'"):
        rt.explorer(podman="7")
