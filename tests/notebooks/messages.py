"""Makes ``notebooks/messages.md`` from ``messages.toml``: ``python -m tests.notebooks.messages --write``."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from regtools.pull.failures import FAILURES

PAGE = Path(__file__).parents[2] / "notebooks" / "messages.md"
DATA = Path(__file__).with_name("messages.toml")

HEAD = """\
# What does this message mean?

The words of podman 4.3, 5.4 and 6.1 when a pull fails, with the cause and the cure. Search this page for a few words of
your message: the last ones are the best, since podman begins each message with what it was doing, and ends with what
went wrong. A test runs the three releases and compares each message with this page.

podman 4.3 and 5.4 begin with `Error: initializing source docker://IMAGE:`, podman 6.1 with `Error: unable to copy from
source docker://IMAGE: initializing source docker://IMAGE:`. Then come the step, such as `reading manifest TAG in
HOST/REPOSITORY:` or `pinging container registry HOST:`, and the words below. `(Mirrors also failed: [...])` has the words
of each mirror; what follows the bracket is about the last source. Push, login and search use the same words, and always
ask the host in the name, never a mirror.

Words in capitals stand for what is different on your machine: HOST, IMAGE, FILE, ADDRESS, DIGEST, TIME; SERVER is your name
server, and REST is a long list of Go structures that means nothing more.
"""
TAIL = """
The table behind *cause* and *cure* is in `regtools/pull/failures.py`; `regtools time` and `regtools bench` print it for
each source that failed. [Chapter 14](14-when-a-pull-fails.ipynb) makes most of these failures happen and cures them.
"""


@dataclass(frozen=True)
class Message:
    """One message, as a row of the data has it."""

    id: str
    step: str
    says: dict[str, str]
    means: str
    because: str
    cure: str
    see: str
    more: str
    conf: str | None
    pull: str

    def words(self, release: str) -> str | None:
        """Return what this release prints; None if it does not fail."""
        return next((text for releases, text in self.says.items() if release in releases.split(", ")), None)


def messages() -> list[Message]:
    """Return all messages of the data, in their order; a ``kind`` takes its words from the table of failures."""
    found = []
    for row in tomllib.loads(DATA.read_text("utf-8"))["message"]:
        cause = FAILURES.get(row.get("kind", ""))
        own = (cause.means, cause.because, cause.cure) if cause else (row["means"], "", row["cure"])
        found.append(
            Message(
                row["id"], row["step"], row["says"], *own, row["see"], row["more"],
                row.get("conf"), row.get("pull", ""),
            )
        )  # fmt: skip
    return found


def page() -> str:
    """Return the text of the page."""
    chapters = {path.stem[:2]: path.name for path in PAGE.parent.glob("[01]*.ipynb")}
    text = HEAD
    for step, group in groupby(messages(), key=lambda each: each.step):
        text += f"\n## {step}\n"
        for each in group:
            width = max(map(len, each.says))
            said = "\n".join(f"{releases:{width}}  {words}" for releases, words in each.says.items())
            cause = f" Cause: {each.because}." if each.because else ""
            text += (
                f"\n```text\n{said}\n```\n\n{each.means[0].upper()}{each.means[1:]}.{cause} **Cure:** {each.cure}. "
                f"More: chapter [{each.see}]({chapters[each.see]}), `{each.more}`.\n"
            )
    return text + TAIL


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(page(), encoding="utf-8")
