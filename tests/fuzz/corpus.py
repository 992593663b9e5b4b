"""The corpus: a few inputs of our own for each target, and those that once were findings; and how they are mutated."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from .targets import TARGETS

FOLDER = Path(__file__).with_name("corpus")
MOST_BYTES = 4096  # of an input; longer ones belong to the tests of growth


@cache
def seeds(name: str) -> dict[str, bytes]:
    """Return the inputs of a target by the names of their files."""
    return {path.name: path.read_bytes() for path in sorted((FOLDER / name).iterdir())}


def words(name: str) -> list[bytes]:
    """Return the words of a target's language as bytes, and the end of a line, which parts the input of most."""
    return [b"\n", *(word.encode("utf-8", "surrogateescape") for word in TARGETS[name].words)]


def mutations(name: str) -> st.SearchStrategy[bytes]:
    """Inputs of a target, and words in a row, with a few places cut out, overwritten, doubled or filled by words."""
    known, word = st.sampled_from(list(seeds(name).values())), st.sampled_from(words(name))
    edit = st.tuples(
        st.floats(0, 1),
        st.sampled_from([0, 0, 1, 4, 40, MOST_BYTES]),
        word | st.binary(max_size=3) | known,
    )
    return st.builds(_edited, known | st.lists(word, max_size=4).map(b"".join), st.lists(edit, max_size=5))


def _edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for share, removed, piece in edits:
        at = int(share * len(data))
        data = data[:at] + piece + data[at + removed :]
    return data[:MOST_BYTES]
