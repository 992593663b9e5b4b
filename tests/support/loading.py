"""Whether real podman reads a registries.conf, asked for many files with one start of its surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.podman import Engine

# Podman reads the file before it searches; the search itself must not leave this machine.
ASK = """
export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1
for folder; do
    export CONTAINERS_REGISTRIES_CONF=$PWD/$folder/registries.conf
    podman --tmpdir $PWD/tmp search x >$folder/said 2>&1
done
true
"""
AT_ONCE = 40  # within the time that one command may take


def refusals(real: Engine, texts: Sequence[str]) -> list[str | None]:
    """Return for each file what podman says against it, or None where it reads it."""
    folders = [real.work / "loading" / str(number) for number in range(len(texts))]
    for folder, text in zip(folders, texts, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "registries.conf").write_text(text, encoding="utf-8")
    names = [f"loading/{folder.name}" for folder in folders]
    for at in range(0, len(names), AT_ONCE):
        real.shell(f"cd {real.inside}; set -- {' '.join(names[at : at + AT_ONCE])}{ASK}")
    said = [(folder / "said").read_text() for folder in folders]
    return [words if "loading registries configuration" in words else None for words in said]
