"""What a source that does not deliver costs before the next one is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from regtools.pull.failures import cause_of
from regtools.pull.records import Pull, frames

from .measurements import pulls_frame

COLUMNS = ("run_id", "place", "attempt", "source", "host", "kind", "seconds", "followed", "means", "cure")


def failed_attempts(
    pulls: pd.DataFrame | Iterable[Pull], requests: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return one row for each source that was asked without success.

    Args:
        pulls: the pulls frame of a journal, or pulls.
        requests: the requests frame of the same journal; not needed for pulls, which hold their requests.

    Returns: ``run_id``, ``place``, ``attempt`` (from 0), ``source`` (the reference that was asked for),
        ``host``, ``kind`` (what went wrong), ``seconds`` (until the next source was asked, or until the pull
        gave up), ``followed`` (whether another source was tried after it), ``means`` and ``cure`` (what the
        table of :mod:`regtools.pull.failures` says of the kind). Pulls whose requests are not
        recorded, such as podman's own, have no rows.
    """
    given = pulls if isinstance(pulls, pd.DataFrame) else list(pulls)
    table = pulls_frame(given)
    if not isinstance(given, pd.DataFrame):
        requests = frames([], [request.to_dict() for pull in given for request in pull.requests])[1]
    rows: list[dict[str, Any]] = []
    if requests is not None and len(requests):
        asked = dict(iter(requests[requests["attempt"].notna()].groupby("run_id", sort=False)))
        several = table["attempts"].map(lambda each: len(_listed(each)) > 1)
        several |= ~table["ok"].fillna(False).astype(bool)
        for pull in table[several].to_dict("records"):
            if pull["run_id"] in asked:
                rows += _of_pull(pull, asked[pull["run_id"]])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _listed(attempts: Any) -> list[str]:
    return [] if attempts is None or isinstance(attempts, float) else list(attempts)


def _of_pull(pull: dict[Any, Any], wire: pd.DataFrame) -> Iterator[dict[str, Any]]:
    begun = wire.groupby("attempt")["t0_s"].min()
    sources = _listed(pull["attempts"])
    last = len(sources) - 1
    for attempt, moment in begun.items():
        number = int(str(attempt))
        if (number == last and bool(pull["ok"])) or number > last:
            continue
        later = begun[begun.index > number]
        until = float(later.iloc[0]) if len(later) else float(pull["total_s"])
        mine = wire[wire["attempt"] == number].sort_values("seq").iloc[-1]
        kind = _kind(mine)
        cause = cause_of(kind)
        yield {
            "run_id": pull["run_id"],
            "place": pull["place"],
            "attempt": number,
            "source": sources[number],
            "host": str(mine["url_host"]),
            "kind": kind,
            "seconds": until - float(moment),
            "followed": number < last,
            "means": cause.means,
            "cure": cause.cure,
        }


def _kind(request: pd.Series[Any]) -> str:
    kind, status = request["error_kind"], request["status"]
    if isinstance(kind, str):
        return kind
    return "unknown" if pd.isna(status) else f"http-{int(status)}"
