"""Values in lists and tables, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


def nested(
    plain: st.SearchStrategy[Any],
    keys: st.SearchStrategy[str] | None = None,
    *,
    most: int = 3,
    depth: int = 4,
) -> st.SearchStrategy[Any]:
    """Plain values, and lists of them and tables with ``keys``, of at most ``most`` each, up to ``depth`` deep.

    ``st.recursive`` makes the like, with a count of leaves instead of a depth, and takes three times as long.
    """
    values = plain
    for _ in range(depth):
        inside = [plain, st.lists(values, max_size=most)]
        if keys is not None:
            inside.append(st.dictionaries(keys, values, max_size=most))
        values = st.one_of(inside)
    return values
