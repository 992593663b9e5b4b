"""The language in which exercises reply: Chinese where ``REGTOOLS_LANG`` is ``zh``, English elsewhere."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Final

from regtools.toml.reader import read

VARIABLE: Final = "REGTOOLS_LANG"


def is_chinese() -> bool:
    """Return whether replies are in Chinese: ``zh``, ``zh-CN`` and ``zh_CN.UTF-8`` all ask for it."""
    return os.environ.get(VARIABLE, "").lower().startswith("zh")


def say(template: str, **values: object) -> str:
    """Return a reply in the reader's language.

    Args:
        template: the reply in English, with the names of values in braces; a row of ``chinese.toml``.
        values: what the names stand for.

    >>> say("item {at} is another one; open a hint", at=2)
    'item 2 is another one; open a hint'
    """
    return (replies().get(template, template) if is_chinese() else template).format(**values)


@cache
def replies() -> dict[str, Any]:
    """Return the Chinese reply for each English one."""
    return read(Path(__file__).with_name("chinese.toml").read_bytes()).data
