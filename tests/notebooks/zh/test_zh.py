"""The Chinese edition is whole, is what its sources say, and notices every change of the English one."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path

import pytest

from regtools.pull.failures import FAILURES, Cause
from tests.notebooks.zh import codes, english, rules
from tests.notebooks.zh.__main__ import MISSING, main, missing
from tests.notebooks.zh.build import built
from tests.notebooks.zh.check import faults, skeleton
from tests.notebooks.zh.english import SOURCE, ZH, Unit, units
from tests.notebooks.zh.source import MARK, QUOTED, read_blocks

UNITS = units()
RULES = [code for heading in codes._document()["headings"] for code in codes._document()[heading]]
THERE = [unit for unit in UNITS.values() if unit.source.exists()]


def test_what_is_missing_is_in_a_table_that_only_shrinks() -> None:
    listed, left = json.loads(MISSING.read_text("utf-8")), missing()
    new = [key for key in left if key not in listed]
    done = [key for key in listed if key not in left]
    assert not new, f"new in English: python -m tests.notebooks.zh skeleton, then translate {new}"
    assert not done, f"translated: python -m tests.notebooks.zh missing takes out {done}"


@pytest.mark.parametrize("unit", THERE, ids=lambda unit: unit.key)
def test_nothing_is_missing_stale_or_lost(unit: Unit) -> None:
    found = faults(unit)
    assert not found, "\n".join(f"{each}\n{each.english}" for each in found)


@pytest.mark.parametrize("unit", THERE, ids=lambda unit: unit.key)
def test_what_is_built_is_what_the_sources_say(unit: Unit) -> None:
    assert unit.built.read_bytes() == built(unit).encode(), "run `make zh`"


def test_nothing_is_built_that_has_no_source() -> None:
    found = {path for path in ZH.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts}
    found = {path for path in found if not path.is_relative_to(SOURCE)}
    assert found == {unit.built for unit in THERE if unit.built.is_relative_to(ZH)}
    sources = {path for path in SOURCE.rglob("*") if path.is_file()} - {SOURCE / "TERMS.md"}
    assert sources == {unit.source for unit in THERE}


def test_the_sources_have_no_english_beside_the_chinese() -> None:
    for unit in THERE:
        if unit.source.suffix == ".md":
            assert not QUOTED.search(unit.source.read_text("utf-8")), f"tidy {unit.key}"


def test_the_overview_has_the_titles_of_the_chapters() -> None:
    overview = read_blocks(UNITS["00-start-here.md"])["the-chapters"].chinese
    rows = dict(re.findall(r"^\| (?:\d\d|A\d) \| \[(.+)\]\((.+)\) \|$", overview, re.MULTILINE)[::-1])
    for title, target in rows.items():
        unit = UNITS[target.replace(".ipynb", ".md")]
        if unit.source.exists():
            head = next(iter(read_blocks(unit).values())).chinese
            assert head.partition("\n")[0].partition(" · ")[2] == title


# -- a changed English text makes the check fail with its id -----------------------------------------------


@pytest.fixture
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    """Chapter 00, its English file a copy that a test may change."""
    return _copied(UNITS["00-start-here.md"], tmp_path)


def _copied(unit: Unit, folder: Path) -> Unit:
    copy = folder / unit.english.name
    copy.write_bytes(unit.english.read_bytes())
    return dataclasses.replace(unit, english=copy)


def change(unit: Unit, before: str, after: str) -> list[str]:
    """Change the English file of a unit in one place; return the faults that were not there before."""
    known = {str(each) for each in faults(unit)}
    text = unit.english.read_text("utf-8")
    assert before in text
    unit.english.write_text(text.replace(before, after, 1), "utf-8")
    return [str(each) for each in faults(unit) if str(each) not in known]


@pytest.mark.parametrize(
    ("cell", "before", "after"),
    [
        ("the-story", "Two minutes later", "Three minutes later"),
        ("how-far", "since you opened", "after you opened"),
        ("the-story", "(one-hour.md)", "(hour.md)"),
        ("the-chapters", "(08-short-names.ipynb)", "(08-names.ipynb)"),
    ],
)
def test_a_changed_cell_or_link_is_stale(chapter: Unit, cell: str, before: str, after: str) -> None:
    (told,) = change(chapter, before, after)
    assert told.startswith(f"00-start-here.md: {cell}: stale: the English text is now ")


def test_a_new_cell_is_not_translated_and_a_removed_one_is_named(chapter: Unit) -> None:
    assert change(chapter, '"id": "how-far"', '"id": "how-near"') == []  # the text is the same
    added, gone = change(chapter, "since you opened", "after you opened")
    assert added == "00-start-here.md: how-near: not translated"
    assert gone == "00-start-here.md: how-far: translates no text of the English file any more"


def test_a_new_paragraph_of_a_page_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    page = _copied(UNITS["glossary.md"], tmp_path)
    (told,) = change(page, "Every word", "A paragraph in between.\n\nEvery word")
    assert told == "glossary.md: glossary-2: not translated"


def test_a_changed_exercise_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = UNITS["exercises/00.toml"]
    assert faults(unit) == []
    tables = copy.deepcopy(english.exercises())
    tables["00"]["00-2"]["wrong"][0]["reply"] += ", always"
    monkeypatch.setattr("tests.notebooks.zh.check.exercises", lambda: tables)
    (told,) = faults(unit)
    assert str(told).startswith("exercises/00.toml: 00-2: stale")
    assert "always" in told.english


def test_a_changed_text_of_a_picture_is_not_translated(tmp_path: Path) -> None:
    unit = _copied(UNITS["images/00-the-road.toml"], tmp_path)
    added, gone = change(unit, ">an answer<", ">the answer<")
    assert added == "images/00-the-road.toml: 'the answer': not translated"
    assert gone == "images/00-the-road.toml: 'an answer': is no text of the picture"


def test_a_new_code_kind_of_failure_or_phrase_of_a_chart_is_not_translated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = UNITS["codes.toml"]
    document = codes._document()
    document["keys"]["misplaced-key"] |= {"fix": "Move it."}
    monkeypatch.setattr(codes, "_document", lambda: document)
    new = Cause("the registry sleeps", "night", "wait", FAILURES["dns"].tools, "")
    monkeypatch.setitem(FAILURES, "asleep", new)
    shown = codes.phrases()
    monkeypatch.setattr(codes, "phrases", lambda: [*shown, "time asleep"])
    told = [str(each) for each in faults(unit) if each.english]
    assert told == [
        "codes.toml: rules: misplaced-key fix: not translated",
        *(f"codes.toml: failures: asleep {what}: not translated" for what in ("means", "because", "cure")),
        "codes.toml: charts: 'time asleep' phrase: not translated",
    ]


def test_the_page_of_codes_explains_all_that_a_reader_meets() -> None:
    page = UNITS["codes.toml"].built.read_text("utf-8")
    for code in (*RULES, *FAILURES):
        assert f"- **`{code}`**" in page
    for phrase in ("share of pulls done within it", "name look-up", "until first byte", "is the fastest"):
        assert phrase in page
    assert [told for block in english.blocks(page) for told in rules.typography(block.english)] == []


def test_a_new_chapter_or_picture_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Unit("15-new.md", ZH / "15-new.ipynb", ZH / "15-new.ipynb")
    monkeypatch.setattr("tests.notebooks.zh.__main__.units", lambda: UNITS | {new.key: new})
    assert "15-new.md" in missing()


def test_make_zh_fails_and_names_the_cell(
    chapter: Unit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(chapter, "Two minutes later", "Three minutes later")
    monkeypatch.setattr("tests.notebooks.zh.__main__.units", lambda: {chapter.key: chapter})
    before = chapter.built.read_bytes()
    assert main(["build", "00"]) == 1
    told = capsys.readouterr().out
    assert "00-start-here.md: the-story: stale" in told
    assert "    You type `podman pull nginx`. Three minutes later" in told
    assert chapter.built.read_bytes() == before
    assert main(["stale", "00"]) == 0
    assert "Three minutes later an image is on your machine." in capsys.readouterr().out


# -- what a translator sees --------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS.values(), ids=lambda unit: unit.key)
def test_every_skeleton_can_be_filled_in(unit: Unit, tmp_path: Path) -> None:
    """What is there is kept; each English text is beside an empty block; the English itself loses nothing."""
    text = skeleton(unit)
    if unit.source.exists():
        kept = unit.source.read_text("utf-8")
        if unit.source.suffix == ".toml":  # whose rows may be in another order
            assert english.read(text).data == english.read(kept).data
        else:
            assert text.rstrip("\n") == kept.rstrip("\n")
        return
    if unit.source.suffix == ".md":
        names = [found[1] for found in MARK.finditer(QUOTED.sub("", text))]
        wanted = english.texts(unit)
        assert names == [each.name for each in wanted] and len(names) == len(set(names))
        for each in wanted:
            assert each.english in text
            assert [told for told in rules.lost(each.english, each.english) if "alt text" not in told] == []
    else:
        assert english.read(text)


@pytest.mark.parametrize("unit", [u for u in UNITS.values() if u.kind == "page"], ids=lambda unit: unit.key)
def test_a_page_is_the_sum_of_its_blocks(unit: Unit) -> None:
    page = unit.english.read_text("utf-8")
    again = "".join(block.english + block.after for block in english.blocks(page))
    assert [line for line in again.splitlines() if line] == [line for line in page.splitlines() if line]


# -- rules -------------------------------------------------------------------------------------------------

ENGLISH = "Pull `nginx` from [chapter 09](09.ipynb): 10 mirrors.\n\n- one\n\n```console\n$ ls  # list\n```\n"


@pytest.mark.parametrize(
    ("chinese", "lost"),
    [
        ("从[第 09 章](09.ipynb)拉取 `nginx`：10 个镜像站。\n\n- 一\n\n```console\n$ ls  # 列出\n```\n", ""),
        (
            "从[第 09 章](08.ipynb)拉取 `nginx`：10 个镜像站。\n\n- 一\n\n```console\n$ ls  # 列出\n```\n",
            "links",
        ),
        (
            "从[第 09 章](09.ipynb)拉取 nginx：10 个镜像站。\n\n- 一\n\n```console\n$ ls  # 列出\n```\n",
            "code spans",
        ),
        (
            "从[第 09 章](09.ipynb)拉取 `nginx`：镜像站。\n\n- 一\n\n```console\n$ ls  # 列出\n```\n",
            "numbers",
        ),
        (
            "从[第 09 章](09.ipynb)拉取 `nginx`：10 个镜像站。\n\n一\n\n```console\n$ ls  # 列出\n```\n",
            "items",
        ),
        (
            "从[第 09 章](09.ipynb)拉取 `nginx`：10 个镜像站。\n\n- 一\n\n```console\n$ la  # 列出\n```\n",
            "fences",
        ),
        ("从[第 09 章](09.ipynb)拉取 `nginx`：10 个镜像站。\n\n- 一", "fences"),
    ],
)
def test_what_is_lost_is_named(chinese: str, lost: str) -> None:
    found = list(rules.lost(ENGLISH, chinese))
    assert [told.startswith(lost) for told in found] == ([True] if lost else [])


def test_a_chinese_reader_opens_the_chinese_edition() -> None:
    typed = (
        "```console\n$ make lab  # a\n$ regtools lab x\n```",
        "```console\n$ make lab-zh  # 甲\n$ regtools lab --lang zh x\n```",
    )
    assert list(rules.lost(*typed)) == []
    for key in ("README.md", "00-start-here.md"):
        text = UNITS[key].built.read_text("utf-8")
        assert "make lab-zh" in text and "regtools lab --lang zh" in text
        assert not re.search(r"make lab(?!-zh)|regtools lab(?! --lang zh)", text)


def test_the_two_readmes_lead_to_each_other(root: Path) -> None:
    assert "](README.zh-CN.md)" in (root / "README.md").read_text("utf-8")
    assert "](README.md)" in (root / "README.zh-CN.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("english_text", "chinese"),
    [
        ("# A\n\n## B", "# 甲\n\n# 乙"),
        ("<details>x</details>", "x"),
        ("| a | b |\n|:--|:--|", "| 甲 |\n|:--|"),
    ],
)
def test_headings_tags_and_rows_are_kept(english_text: str, chinese: str) -> None:
    assert len(list(rules.lost(english_text, chinese))) == 1


@pytest.mark.parametrize(
    "chinese",
    [
        *("中文abc", "abc中文", "第09 章", "`a`中文", "见[第九章](x.ipynb)abc"),
        *("中 文", "中文，abc 。", "好， 好", "好 （左）", "（ 左）"),
        *("中文, abc", "中文(abc)", '他说"好"', "中文...", "中文--文", "两个；。", "（左", "“左"),
        *("一行\n二行", "**一行。**\n二行", "１２"),
        *("**结果。**下文", "下文**“结果”**", "**未闭合", "*误解：“甲”。*乙"),
    ],
)
def test_what_is_not_set_as_chinese_is_found(chinese: str) -> None:
    assert list(rules.typography(chinese))


@pytest.mark.parametrize(
    "chinese",
    [
        *(
            "**结果。** 下文",
            "**结果**。下文",
            "*误解：“甲。”* 乙",
            "见[第 09 章](x)，好",
            "*斜体*中文：“好”。",
        ),
        *(
            "- **“甲”** 好\n- 二",
            "| 甲 | 乙 |\n|:--|:--|\n| 好 | `x` |",
            "用 podman 5.4，慢 3%。",
            "等等……好",
        ),
        *(
            "见[这条报错是什么意思？](m.md) 好",
            "## 标题\n\n正文",
            "1. 甲\n2. 乙",
            "破折号——好",
            "```text\n中文abc\n```",
        ),
        *(
            "![图，见 A1。](a.svg)",
            "<details><summary>打开</summary>\n\n甲\n\n</details>",
            "甲：`a, b`、`c`。",
        ),
    ],
)
def test_what_is_set_well_passes(chinese: str) -> None:
    assert list(rules.typography(chinese)) == []


def test_terms_are_those_of_the_term_base() -> None:
    assert list(rules.terms("Two mirrors of an image.", "一个镜像的两个镜像站。")) == []
    assert list(rules.terms("Two mirrors.", "两个镜子。")) == ["term: mirror is 镜像站"]
    assert list(rules.terms("Two mirrors.", "两个镜子。", ("mirror",))) == []
    assert list(rules.terms("`mirror` and [x](mirror.md)", "`mirror` 和[甲](mirror.md)")) == []
    assert list(rules.terms("", "一个注册表。")) == ["term: never “注册表” for registry: write 镜像仓库"]
    assert list(rules.terms("registries.conf", "`registries.conf`")) == []
    names = [term.english[0] for term in rules.term_base()]
    assert len(names) == len(set(names)) >= 50


def test_links_lead_to_the_chinese_files_and_else_to_the_english_ones() -> None:
    page = UNITS["00-start-here.md"]
    text = built(page)
    for target in re.findall(r"\]\(([^)\s]+)\)", "".join(json.loads(text)["cells"][-1]["source"])):
        assert (page.built.parent / target).exists()
    told = {unit.english.name: unit.source.exists() for unit in UNITS.values()}
    assert ("](01-containers-and-runtimes.ipynb)" in text) == told["01-containers-and-runtimes.ipynb"]
    assert ("](../01-containers-and-runtimes.ipynb)" in text) != told["01-containers-and-runtimes.ipynb"]


def test_a_heading_keeps_the_links_that_lead_to_it(tmp_path: Path) -> None:
    english_page = tmp_path / "page.md"
    english_page.write_text("# How to install\n\nSee [below](#the-end).\n\n## The end\n")
    unit = Unit("no-such-page.md", english_page, tmp_path / "zh" / "page.md")
    assert "(#the-end)" in built(unit)


def test_the_pictures_are_ascii_and_say_their_language() -> None:
    for unit in THERE:
        if unit.kind == "picture":
            text = unit.built.read_text("ascii")
            assert text.startswith('<svg xml:lang="zh-CN" ')
            assert "PingFang SC" in text
