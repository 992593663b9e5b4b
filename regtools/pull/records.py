"""The rows of a measured pull: one :class:`Pull`, and one :class:`Request` for each hop on the wire.

Two tidy tables. ``PULL_COLUMNS`` and ``REQUEST_COLUMNS`` name their columns, in order, with the dtype that a
frame gives them; an empty cell is None here, null in JSON, missing in a frame. All ``_s`` are seconds.

A pull's time is cut without overlap: ``auth_s`` (ping and token), ``manifest_s``, ``transfer_s``
(config and blobs) and ``wait_s`` (pauses before repetitions, when nothing else ran) add up to ``total_s``;
for podman and skopeo together with ``start_s`` (until the first source is tried) and ``store_s`` (after the
last byte), which are empty for our own client.
``ttfb_s``, of the first blob, lies inside ``transfer_s``. A request's ``dns_s``, ``tcp_s``, ``tls_s``,
``ttfb_s`` and ``body_s`` add up to its ``total_s``; ``t0_s`` counts from the pull's start.

How a pull shows itself: a few lines on the terminal, a small table in JupyterLab.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtools.display import seconds, size
from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import pandas as pd

__all__ = [
    "FORMAT",
    "PHASES",
    "PULL_COLUMNS",
    "REQUEST_COLUMNS",
    "Failure",
    "Pull",
    "Request",
    "frames",
    "html",
    "text",
]

FORMAT = 1

PHASES = ("dns_s", "tcp_s", "tls_s", "ttfb_s", "body_s")

PULL_COLUMNS: dict[str, str] = {
    "run_id": "string",
    "vantage": "string",
    "round": "Int64",
    "order": "Int64",
    "started_at": "datetime64[ns, UTC]",
    "place": "string",
    "image": "string",
    "reference": "string",
    "digest": "string",
    "client": "string",
    "client_version": "string",
    "workers": "Int64",
    "cache_state": "string",
    "n_layers": "Int64",
    "bytes_declared": "Int64",
    "bytes_fetched": "Int64",
    "n_requests": "Int64",
    "n_retries": "Int64",
    "wait_s": "float64",
    "auth_s": "float64",
    "manifest_s": "float64",
    "ttfb_s": "float64",
    "transfer_s": "float64",
    "hash_cpu_s": "float64",
    "total_s": "float64",
    "cpu_user_s": "float64",
    "cpu_sys_s": "float64",
    "max_rss_kb": "Int64",
    "other_cpu": "float64",
    "ok": "boolean",
    "error_kind": "string",
    "served_by": "string",
    "attempts": "object",
    "start_s": "float64",
    "store_s": "float64",
}

REQUEST_COLUMNS: dict[str, str] = {
    "run_id": "string",
    "seq": "Int64",
    "attempt": "Int64",
    "hop": "Int64",
    "kind": "string",
    "digest": "string",
    "layer": "Int64",
    "url_host": "string",
    "remote_ip": "string",
    "http_version": "string",
    "tls_version": "string",
    "reused": "boolean",
    "status": "Int64",
    "range_from": "Int64",
    "retry_after_s": "float64",
    "t0_s": "float64",
    "dns_s": "float64",
    "tcp_s": "float64",
    "tls_s": "float64",
    "ttfb_s": "float64",
    "body_s": "float64",
    "total_s": "float64",
    "bytes": "Int64",
    "digest_ok": "boolean",
    "cache_header": "string",
    "worker": "Int64",
    "proxy": "string",
    "error_kind": "string",
    "samples": "object",
    "rate_limit": "string",
}

_LATER = ("start_s", "store_s")  # not in the first records of this format


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request on the wire: one hop of one try. ``attempt`` counts sources, ``seq`` requests, from 0.

    ``kind`` is ping, token, manifest, config or blob; ``layer`` the layer's number from 0; ``range_from``
    the offset asked for when a cut body was resumed; ``retry_after_s`` what the server asked for;
    ``cache_header`` what a cache said of itself; ``samples`` at most 64 pairs of seconds and bytes so far;
    ``rate_limit`` what a registry told of its limits (``RateLimit-*`` headers).
    """

    run_id: str
    seq: int
    attempt: int
    hop: int
    kind: str
    digest: str | None
    layer: int | None
    url_host: str
    remote_ip: str | None
    http_version: str | None
    tls_version: str | None
    reused: bool | None
    status: int | None
    range_from: int | None
    retry_after_s: float | None
    t0_s: float
    dns_s: float | None
    tcp_s: float | None
    tls_s: float | None
    ttfb_s: float | None
    body_s: float | None
    total_s: float
    bytes: int
    digest_ok: bool | None
    cache_header: str | None
    worker: int
    proxy: str | None
    error_kind: str | None
    samples: tuple[tuple[float, int], ...] | None
    rate_limit: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the row as plain data; ``samples`` only where there are some."""
        row = {name: getattr(self, name) for name in REQUEST_COLUMNS}
        if self.samples is None:
            del row["samples"]
        else:
            row["samples"] = [list(pair) for pair in self.samples]
        return row


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one source, or one candidate, did not give the image."""

    reference: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.reference}: {self.message} [{self.kind}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """One measured pull, done or failed. The row's columns, its requests, and the failures on the way.

    ``image`` is the name as asked, ``reference`` the candidate as pulled (the name that podman would store),
    ``served_by`` the source that delivered, ``attempts`` the sources tried, in order. ``error_kind`` is None
    where ``ok``. ``bytes_fetched`` counts the bodies of all blob requests, repeated ones included.
    """

    run_id: str
    vantage: str
    round: int | None
    order: int | None
    started_at: str
    place: str
    image: str
    reference: str | None
    digest: str | None
    client: str
    client_version: str
    workers: int | None
    cache_state: str
    n_layers: int | None
    bytes_declared: int | None
    bytes_fetched: int | None
    n_requests: int
    n_retries: int
    wait_s: float
    auth_s: float
    manifest_s: float
    ttfb_s: float | None
    transfer_s: float
    hash_cpu_s: float | None
    total_s: float
    cpu_user_s: float
    cpu_sys_s: float
    max_rss_kb: int
    other_cpu: float | None
    ok: bool
    error_kind: str | None
    served_by: str | None
    attempts: tuple[str, ...]
    start_s: float | None = None
    store_s: float | None = None
    requests: tuple[Request, ...] = ()
    failures: tuple[Failure, ...] = ()

    def row(self) -> dict[str, Any]:
        """Give the pull's own row as plain data, without its requests."""
        row = {name: getattr(self, name) for name in PULL_COLUMNS}
        row["attempts"] = list(self.attempts)
        return row

    def to_dict(self) -> dict[str, Any]:
        """Give the row, and with it ``requests`` (rows) and ``failures``, as plain data for JSON."""
        return {
            **self.row(),
            "requests": [request.to_dict() for request in self.requests],
            "failures": [
                {"reference": each.reference, "kind": each.kind, "message": each.message}
                for each in self.failures
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Pull:
        """Read what :meth:`to_dict` gave: a recorded pull, for instance to draw it.

        Raises:
            RegtoolsError: kind ``bad-record`` for a column too many or too few.
        """
        try:
            requests = tuple(_request(row) for row in data["requests"])
            failures = tuple(Failure(**row) for row in data["failures"])
            row = {name: data[name] for name in PULL_COLUMNS if name in data or name not in _LATER}
            row["attempts"] = tuple(row["attempts"])
            return cls(**row, requests=requests, failures=failures)
        except (KeyError, TypeError) as error:
            raise RegtoolsError(
                f"this is no recorded pull: {error}",
                kind="bad-record",
                stage="load",
                hint="give what Pull.to_dict() gave",
            ) from error

    def to_frame(self) -> pd.DataFrame:
        """Give the requests as a frame, a row each, columns as in ``REQUEST_COLUMNS``."""
        return frames([], [request.to_dict() for request in self.requests])[1]

    def __str__(self) -> str:

        return text(self)

    def _repr_html_(self) -> str:

        return html(self)


def _request(row: Mapping[str, Any]) -> Request:
    samples = row.get("samples")
    pairs = None if samples is None else tuple((moment, size) for moment, size in samples)
    return Request(**{**row, "samples": pairs})


def frames(pulls: list[dict[str, Any]], requests: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the two tidy frames of plain rows; columns and dtypes are the same for no rows at all."""
    return _frame(pulls, PULL_COLUMNS), _frame(requests, REQUEST_COLUMNS)


def _frame(rows: list[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    made: dict[str, Any] = {}
    for name, dtype in columns.items():
        cells: Any = pd.Series([row.get(name) for row in rows], dtype="object")
        if dtype.startswith("datetime64"):
            cells = pd.to_datetime(cells, utc=True, format="ISO8601")
        made[name] = cells.astype(dtype)
    return pd.DataFrame(made, columns=list(columns))


_CELL = "text-align:left;padding:2px 12px 2px 0"


def facts(pull: Pull) -> list[tuple[str, str]]:
    """Give what matters of a pull as pairs of a word and a value."""
    found = [("total", seconds(pull.total_s))]
    if pull.served_by:
        found.append(("served by", pull.served_by))
    if pull.digest:
        found.append(("digest", pull.digest))
    if pull.ok:
        fetched = pull.bytes_fetched or 0
        rate = f" at {size(fetched / pull.transfer_s)}/s" if pull.transfer_s > 0 else ""
        layers = f"{pull.n_layers} layer{'' if pull.n_layers == 1 else 's'}"
        verified = ", every digest verified" if pull.client == "builtin" else ""
        found.append(("fetched", f"{size(fetched)} in {layers}{rate}{verified}"))
    phases = [
        ("starting", pull.start_s or 0.0),
        ("ping and token", pull.auth_s),
        ("manifest", pull.manifest_s),
        ("transfer", pull.transfer_s),
        ("waiting", pull.wait_s),
        ("storing", pull.store_s or 0.0),
    ]
    found.append(("time", ", ".join(f"{name} {seconds(value)}" for name, value in phases if value > 0)))
    if pull.client != "builtin":
        memory = size(pull.max_rss_kb * 1024)
        found.append(("client", f"{pull.client} {pull.client_version}, peak memory {memory}"))
    repeated = f", {pull.n_retries} of them repeated" if pull.n_retries else ""
    found.append(("requests", f"{pull.n_requests}{repeated}"))
    return found


def text(pull: Pull) -> str:
    """Give the pull in a few lines for a terminal."""
    lines = [f"{pull.reference or pull.image}: {_verdict(pull)}"]
    lines += [f"  {name + ':':<11}{value}" for name, value in facts(pull)]
    lines += [f"  {'failed:':<11}{failure}" for failure in pull.failures]
    return "\n".join(lines)


def html(pull: Pull) -> str:
    """Give the pull as a small table; inline style only, so that it shows in an untrusted notebook."""
    from html import escape

    rows = [*facts(pull), *(("failed", str(failure)) for failure in pull.failures)]
    body = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in rows
    )
    head = f"<b>{escape(pull.reference or pull.image)}</b>: {escape(_verdict(pull))}"
    return f'<div>{head}<table style="border-collapse:collapse">{body}</table></div>'


def _verdict(pull: Pull) -> str:
    return "pulled" if pull.ok else f"failed [{pull.error_kind}]"
