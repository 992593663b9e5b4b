"""The table of all findings: what each means and why, an example of it and of what is not meant, and the fix.

The table is data, ``rules.toml`` beside this module, and is read when the first rule is asked for. The
severities, the releases, the page of each code and the JSON Schema of registries.conf are made from it.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from regtools.display import printable
from regtools.errors import RegtoolsError
from regtools.toml.reader import parse

ERROR, WARNING, NOTE = "error", "warning", "note"
FILE, WHOLE, MACHINE = "file", "whole", "machine"


class Rule(NamedTuple):
    """One row of the table.

    Attributes:
        code: stable kebab-case word.
        heading: what its group is about.
        severity: ``error``, ``warning`` or ``note``.
        what: what is reported, in a sentence.
        why: what podman does, and what follows from it.
        fix: what to do.
        bad: an example that triggers it: a registries.conf, or path → file of a whole machine.
        good: an example that does not.
        also: another severity that it has where ``why`` says so.
        looks_at: ``file``: what can be read of one file; ``whole``: the merged files, if podman accepts
            them; ``machine``: the files that a release finds.
        since, until: first and last major release of podman.
        podman: the release that the examples are about; of an empty one all that the rule holds for.
        encoding: of the bad example.
        times: how often the bad example is repeated.
        schema: whether the JSON Schema refuses it, too.
        asks: name → what podman tries for it, with the bad example.
    """

    code: str
    heading: str
    severity: str
    what: str
    why: str
    fix: str
    bad: Any
    good: Any
    also: str = ""
    looks_at: str = FILE
    since: int = 4
    until: int = 6
    podman: str = ""
    encoding: str = "utf-8"
    times: int = 1
    schema: bool = False
    asks: Any = None

    def holds_for(self, podman: str) -> bool:
        """Return whether the rule holds for a release."""
        return self.since <= int(podman.partition(".")[0]) <= self.until

    def __str__(self) -> str:
        """Return the page of the code, as plain text."""
        also = f" or {self.also}" if self.also else ""
        releases = f", podman {self.since} to {self.until}" if (self.since, self.until) != (4, 6) else ""
        about = f" (podman {self.podman})" if self.podman else ""
        parts = [
            f"{self.code}: {self.severity}{also}{releases}\n{self.heading}",
            self.what,
            f"Why: {self.why}",
        ]
        parts += [f"Example{about}:\n\n{_indented(self.bad)}"] if self.times == 1 else []
        parts += [f"Not reported:\n\n{_indented(self.good)}", f"What to do: {self.fix}"]
        return printable("\n\n".join(parts))


def _indented(example: Any) -> str:
    """Return an example for reading: a text, or each file of a machine below its path."""
    if isinstance(example, str):
        return "\n".join(f"    {line}".rstrip() for line in example.splitlines()) or "    (an empty file)"
    if "text" in example or "link" in example:
        lines = f"    (a link to {example['link']})" if "link" in example else _indented(example["text"])
        return lines + (f"\n    (mode {example['mode']})" if "mode" in example else "")
    return "\n".join(f"  {path}\n{_indented(file)}" for path, file in example.items()) or "    (no file)"


@cache
def rules() -> dict[str, Rule]:
    """Return the table: code → rule."""
    groups = parse(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    headings = groups.pop("headings")
    rows = ((code, headings[name], row) for name, group in groups.items() for code, row in group.items())
    return {code: Rule(code, heading, **row) for code, heading, row in rows}


def rule(code: str) -> Rule:
    """Return the row of a code; one that is not in the table is a refusal."""
    return rules().get(code) or Rule(code, "", ERROR, "", "", "", "", "")


def page(code: str) -> str:
    """Return the page of a code.

    Raises:
        RegtoolsError: kind ``usage``: there is none.
    """
    if code in rules():
        return str(rules()[code])
    near = get_close_matches(code, rules(), 3) or rules()
    raise RegtoolsError(
        f"check has no finding {code!r}",
        kind="usage",
        stage="load",
        hint=f"write one of {', '.join(near)}",
    )
