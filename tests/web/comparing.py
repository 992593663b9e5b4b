"""A chapter as a browser ran it, beside its stored outputs, compared as nbval does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from nbformat import NotebookNode, from_dict

from regtools.notebook.needs import needed
from tests.notebooks.normal import _merged, _output

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def shown(outputs: list[NotebookNode]) -> list[dict[str, Any]]:
    """Outputs in their normal form, without pictures and without what only a frontend adds."""
    found = []
    for each in _merged([from_dict(one) for one in outputs]):
        one = _output(copy.deepcopy(each), 0)
        one.pop("traceback", None)
        one.pop("transient", None)
        if one["output_type"] == "error":
            # JupyterLite names the class, IPython its name.
            one["ename"] = re.sub(r"^<class '(?:.*\.)?(\w+)'>$", r"\1", one["ename"])
            one["evalue"] = COLOUR.sub("", one["evalue"])
        data = one.get("data", {})
        if "image/png" in data:
            continue
        data.pop("application/vnd.jupyter.widget-view+json", None)
        one.pop("execution_count", None)
        one["metadata"] = {}
        found.append(json.loads(json.dumps(one)))
    return found


def differences(chapter: NotebookNode, ran: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield a line for each cell whose output is not the stored one; replays must show the stored result."""
    for cell in chapter.cells:
        if cell.cell_type != "code":
            continue
        outputs = ran.get(cell.id)
        if outputs is None:
            yield f"{cell.id}: was not run"
        elif needed(cell.source):
            first = outputs[0].get("text", "") if outputs else ""
            first = first if isinstance(first, str) else "".join(first)
            if " not here; stored result of " not in first.partition("\n")[0]:
                yield f"{cell.id}: no stored result, but {outputs[:1]}"
        elif "measured" not in cell.metadata.get("tags", []) and shown(outputs) != shown(cell.outputs):
            yield f"{cell.id}: {shown(outputs)} instead of {shown(cell.outputs)}"
