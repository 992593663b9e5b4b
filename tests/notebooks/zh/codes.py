"""The page of codes: every code of a finding, kind of failure and phrase of a chart, explained in Chinese.

The words of the programs stay English. ``codes.toml`` has a Chinese text for each English one of
``regtools/registries/checks/rules.toml``, ``regtools/pull/failures.py`` and the charts, so a changed English text
has none, and the check names its code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from regtools.analysis import verdicts
from regtools.analysis.charts import style
from regtools.pull.failures import FAILURES
from regtools.toml.reader import read
from tests.notebooks.zh.english import RULES

CHARTS = sorted(Path(style.__file__).parent.glob("*.py"))
# Texts of the modules of charts that no reader sees: words of matplotlib, and names of fonts.
NOT_SHOWN = ("axes fraction", "offset points", "upper center", "DejaVu Sans Mono")
SEVERITIES = {"error": "错误", "warning": "警告", "note": "提示"}


class Entry(NamedTuple):
    """A text that the page explains, the section it is in, and whom it belongs to."""

    section: str
    owner: str
    what: str
    english: str


def entries() -> Iterator[Entry]:
    """Yield every text of the page."""
    document = _document()
    for group, heading in document["headings"].items():
        yield Entry("rules", group, "heading", heading)
        for code, rule in document[group].items():
            yield from (Entry("rules", code, what, rule[what]) for what in ("what", "why", "fix"))
    for kind, cause in FAILURES.items():
        for what in ("means", "because", "cure", "tools"):
            yield Entry("failures", kind, what, getattr(cause, what))
    yield from (Entry("charts", repr(phrase), "phrase", phrase) for phrase in phrases())


def _document() -> dict[str, Any]:
    return dict(read(RULES.read_bytes()).data)


def phrases() -> list[str]:
    """Return what charts and verdicts write, with … for what differs: names of parts, and all of several words."""
    found = [fill.words for fill in (*style.PHASES.values(), *style.STAGES.values())]
    found += [mark.words for mark in style.STOPS.values() if mark.words]
    for path in (*CHARTS, Path(verdicts.__file__)):
        found += filter(_is_phrase, _texts(ast.parse(path.read_text("utf-8"))))
    return list(dict.fromkeys(found))


def _is_phrase(text: str) -> bool:
    return re.search(r"[a-z]{2,}", text) is not None and " " in text.strip() and text not in NOT_SHOWN


def _texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module without its docstrings; an f-string is one text."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        else:
            yield from _texts(node)


def page(words: dict[str, dict[str, str]]) -> str:
    """Return the Chinese page; a text without a Chinese one stays English."""

    def chinese(section: str, english: str) -> str:
        return words.get(section, {}).get(english) or english

    document = _document()
    parts = [INTRODUCTION, "## 诊断代号", CODES]
    for group, heading in document["headings"].items():
        parts += [f"### {chinese('rules', heading)}", "\n".join(_rules(document[group], chinese))]
    parts += ["## 失败类型", FAILED]
    parts.append(
        "\n".join(
            f"- **`{kind}`**：{chinese('failures', cause.means)}。**常见原因**：{chinese('failures', cause.because)}。"
            f"**怎么办**：{chinese('failures', cause.cure)}。**podman 和 skopeo**：{chinese('failures', cause.tools)}。"
            for kind, cause in FAILURES.items()
        )
    )
    rows = [f"| `{phrase.strip()}` | {chinese('charts', phrase)} |" for phrase in phrases()]
    parts += ["## 图表和结论里的英文", DRAWN, "\n".join(["| 图上的英文 | 意思 |", "|:---|:---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _rules(group: dict[str, Any], chinese: Any) -> Iterator[str]:
    for code, rule in group.items():
        what, why, fix = (chinese("rules", rule[each]) for each in ("what", "why", "fix"))
        yield f"- **`{code}`**（{SEVERITIES[rule['severity']]}）：{what}{why}**怎么办**：{fix}"


INTRODUCTION = """# 代号和用语：程序说的英文是什么意思

程序的输出和图上的文字一律是英文，在任何语言的机器上都一样，这样才搜得到、对得上。这一页用中文逐条解释它们。回到[总览](00-start-here.ipynb) · [词汇表](glossary.md) · [这条报错是什么意思？](messages.md)"""
CODES = """`regtools check` 的每条结果末尾都有一个方括号里的代号，例如 `[misplaced-key]`。**错误**（error）是 podman 拒绝文件，或者拉取必定失败；**警告**（warning）是写了却不起作用，或者作用和看上去不一样；**提示**（note）是值得知道的事。`regtools check --explain 代号` 给出英文说明和例子。"""
FAILED = (
    """拉取失败时，`regtools time`、`regtools bench` 和报告里的方括号写着失败的类型，例如 `[http-404]`。"""
)
DRAWN = """图和结论里的英文如下，`…` 代表名称或数字。"""
