"""Campaigns made up for tests. Every row says so: ``client`` is ``synthetic``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MARK = "synthetic"


def campaign(
    places: Mapping[str, float],
    *,
    rounds: int = 20,
    noise: float = 0.15,
    fail: Mapping[str, float] | None = None,
    images: Mapping[str, float] | None = None,
    drift: Sequence[float] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Rounds of pulls with lognormal noise around set times.

    Args:
        places: place → median seconds.
        fail: place → share of pulls that fail.
        images: image → factor on the time.
        drift: factor of each round, on every place alike.
    """
    random = np.random.default_rng(seed)
    kinds = images or {"x": 1.0}
    names, sizes = list(places), list(kinds)
    shape = (rounds, len(sizes), len(names))
    factor = np.asarray(drift if drift is not None else np.ones(rounds))[:, None, None]
    median = np.array(list(places.values()))[None, None, :] * np.array(list(kinds.values()))[None, :, None]
    seconds = median * factor * np.exp(noise * random.normal(size=shape))
    ok = random.random(shape) >= np.array([(fail or {}).get(name, 0.0) for name in names])
    order = random.random(shape).argsort(axis=2)
    grid = np.indices(shape)
    return pd.DataFrame(
        {
            "client": MARK,
            "place": np.array(names)[grid[2].ravel()],
            "round": grid[0].ravel() + 1,
            "order": order.ravel() + 1,
            "image": np.array(sizes)[grid[1].ravel()],
            "total_s": seconds.ravel(),
            "ok": ok.ravel(),
        }
    )


def multiplied(measured: pd.DataFrame, rows: int, *, seed: int = 0, jitter: float = 0.05) -> pd.DataFrame:
    """Make many rows from measured ones: drawn place by place, all times with a common jitter, in new rounds.

    Keeps every column; ``client`` and ``run_id`` say that the rows are synthetic.
    """
    random = np.random.default_rng(seed)
    groups = [group for _, group in measured.groupby(["place", "image", "cache_state"], dropna=False)]
    count = max(1, rows // len(groups))
    parts = []
    for group in groups:
        part = group.iloc[random.integers(len(group), size=count)].reset_index(drop=True)
        factor = np.exp(jitter * random.normal(size=count))
        for name in (name for name in part.columns if name.endswith("_s") and part[name].dtype == "float64"):
            part[name] = part[name] * factor
        part["round"] = pd.Series(np.arange(1, count + 1), dtype="Int64")
        parts.append(part)
    made: Any = pd.concat(parts, ignore_index=True)
    made["client"] = pd.Series(MARK, index=made.index, dtype="string")
    made["run_id"] = pd.Series([f"{MARK}-{number:07d}" for number in range(len(made))], dtype="string")
    return made


def write_journal(path: Path, pulls: pd.DataFrame) -> None:
    """Write a frame of pulls as a journal, as the pulls themselves would have."""
    told = {name: pulls[name] for name in pulls.columns}
    told["started_at"] = pulls["started_at"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    columns = [each.astype("object").where(each.notna(), None).tolist() for each in told.values()]
    with path.open("w", encoding="utf-8") as file:
        for cells in zip(*columns, strict=True):
            row = {"format": 1, "row": "pull", **dict(zip(told, cells, strict=True))}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
