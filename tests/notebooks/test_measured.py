"""Cells tagged ``measured``: other numbers are the same output; another word, row, order or number that lacks is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks.measured import mask
from tests.notebooks.test_nbval import compare

SAME = [
    ("near 0.12 s", "near 980 ms"),
    ("near  1,234.5 kB/s", "near 12 MB/s"),
    ("fell by -3.2e-05", "fell by +1"),
    ("(0.97–1.04)", "(0.8–1.1)"),
    ("1.2-3.4 x", "10-12 x"),
    ("12 %", "3.5%"),
    ("done in 3 s.", "done in 2.81 s."),
    ("it took 3.", "it took 3.5."),
    ("a   1\nb  10", "a 1.5\nb 2"),
    ("---- ------", "-- ----------"),
    ("near ████▌ 4", "near    ██  3"),
    ("   near  3", "near 300"),
    ("<td>1.25</td>", "<td>12</td>"),
    ("total  1_000", "total 1'000"),
    ("127.0.0.1:40123/app:1", "127.0.0.1:41234/app:1"),
]
OTHER = [
    ("near 0.12 s", "near 120 kB"),
    ("near 0.12 s", "near 0.12"),
    ("near 0.12 s", "near"),
    ("near nan", "near 1"),
    ("mirror-1 3\nmirror-2 4", "mirror-2 3\nmirror-1 4"),
    ("mirror1 3", "mirror2 3"),
    ("nginx:1.27 3 s", "nginx:1.28 3 s"),
    ("quay.io/app:1", "quay.io/app:2"),
    ("near 1\nfar 2", "far 1\nnear 2"),
    ("near 1\nfar 2", "near 1"),
    ("near 1 2", "near 1"),
    ("near 1", "Near 1"),
    ('<td class="a1">1</td>', '<td class="a2">1</td>'),
    ("<td>1</td>", "<td></td>"),
    ("sha256 3", "sha512 3"),
    ("127.0.0.1 3", "127.0.0.1"),
    ("127.0.0.1:40123/app:1", "127.0.0.1:41234/app:2"),
    ("lab.test:5000 3", "lab.test:5001 3"),
]


@pytest.mark.parametrize("one, other", SAME)
def test_other_numbers_are_the_same_output(one: str, other: str) -> None:
    assert mask(one) == mask(other)
    assert mask(one) != one


@pytest.mark.parametrize("one, other", OTHER)
def test_all_the_rest_is_compared(one: str, other: str) -> None:
    assert mask(one) != mask(other)


TABLE = "import time; import pandas as pd; t = time.perf_counter_ns()\n"
TABLE += "pd.DataFrame({'place': ['near', 'far'], 'seconds': [t / 1e9, t % 7 / 10], 'n': [t % 1000, t]})"
LINES = "for place in ('near', 'far', 'farther'):\n    print(f'{place:<9} {time.perf_counter_ns() / 1e9:12.3f} s')"
STORED = "near             0.125 s\nfar             12.500 s\nfarther    100000.000 s\n"
FRAME = "  place  seconds    n\n0  near  1.25    3\n1   far     0.3  12"


def test_nbval_catches_another_word_row_order_or_a_number_that_lacks(root: Path, tmp_path: Path) -> None:
    lines = {
        "other numbers": STORED,
        "order": "far 12.500 s\nnear 0.125 s\nfarther 100000.000 s\n",
        "row": STORED.replace("far             12.500 s\n", ""),
        "number": STORED.replace("0.125 s", ""),
        "word": STORED.replace("farther", "nowhere"),
        "unit": STORED.replace("0.125 s", "0.125 kB"),
    }
    frames = {
        "other numbers": FRAME,
        "order": FRAME.replace("near", "x").replace("far", "near").replace("x", "far"),
        "row": FRAME.rpartition("\n")[0],
        "number": FRAME.replace("1.25", ""),
        "word": FRAME.replace("seconds", "minutes"),
    }
    cells = [new_code_cell(TABLE.partition("\n")[0], id="imports", execution_count=1)]
    for text in lines.values():
        outputs = [new_output("stream", name="stdout", text=text)]
        cells.append(new_code_cell(LINES, execution_count=1, outputs=outputs))
    for text in frames.values():
        outputs = [new_output("stream", name="stdout", text=f"{text}\n")]
        source = TABLE.partition("\n")[2].join(("print(", ")"))
        cells.append(new_code_cell(source, execution_count=1, outputs=outputs))
    for cell in cells[1:]:
        cell.metadata["tags"] = ["measured"]
    untagged = new_code_cell(
        LINES, execution_count=1, outputs=[new_output("stream", name="stdout", text=STORED)]
    )
    write(new_notebook(cells=[*cells, untagged]), tmp_path / "measured.ipynb")
    done = compare(root, tmp_path / "measured.ipynb")
    failed = [
        int(cell) for cell in re.findall(r"^(?:FAILED|ERROR) \S+::Cell (\d+)", done.stdout, re.MULTILINE)
    ]
    failed = failed or [
        int(cell) for cell in re.findall(r"^_+ .*::Cell (\d+) _+$", done.stdout, re.MULTILINE)
    ]
    assert sorted(failed) == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12], done.stdout[-3000:]
