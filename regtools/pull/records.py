"""The rows of a measured pull: one :class:`Pull`, and one :class:`Request` for each hop.

Two tidy tables. The fields of the two classes are their columns, in order: ``PULL_COLUMNS`` and
``REQUEST_COLUMNS`` map each name to the dtype that a frame uses for it. An empty cell is None here, null in
JSON and missing in a frame. All ``_s`` are seconds.

The stages of a pull do not overlap: ``auth_s`` (ping and token), ``manifest_s``, ``transfer_s`` (config and
blobs) and ``wait_s`` (pauses before repetitions during which nothing else ran) add up to ``total_s``. A pull
by podman or skopeo also has ``start_s`` (until it tries the first source) and ``store_s`` (after the last
byte); both are empty for the builtin client. ``ttfb_s``, of the first blob, is part of ``transfer_s``. A
request's ``dns_s``, ``tcp_s``, ``tls_s``, ``ttfb_s`` and ``body_s`` add up to its ``total_s``; ``t0_s``
counts from the start of the pull.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from regtools.display import html_table, seconds, size, terminal_width, text_table, visible
from regtools.errors import RegtoolsError
from regtools.values import TYPE_CHECKING, Frozen

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd


FORMAT = 1
LARGEST = 2**63 - 1  # the largest whole number in a row: what a column of dtype Int64 can hold
CLIENT_LIMIT = 0.9  # of one processor: a client that is busier during a transfer may be what limits it
PHASES = ("dns_s", "tcp_s", "tls_s", "ttfb_s", "body_s")

Moment = str  # a UTC time in ISO 8601

_DTYPES = {
    "str": "string",
    "Moment": "datetime64[ns, UTC]",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "tuple": "object",
}


class Columns(type):
    """Makes the annotated names of a class its slots, and what the class assigns to them their defaults.

    Attributes:
        kinds: name of each column → its annotation.
        defaults: the columns that may be left out, and what they hold then.
    """

    kinds: dict[str, str]
    defaults: dict[str, Any]

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Columns:
        """Make the class of a row."""
        kinds = body.get("__annotations__", {})
        defaults = {each: body.pop(each) for each in kinds if each in body}
        made = super().__new__(cls, name, bases, {**body, "__slots__": tuple(kinds)})
        made.kinds, made.defaults = kinds, defaults
        return made

    def dtypes(cls, *, but: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the dtype of each column, by its name."""
        kinds = {name: kind.split(" |")[0].partition("[")[0] for name, kind in cls.kinds.items()}
        return {name: _DTYPES[kind] for name, kind in kinds.items() if name not in but}


class Row(Frozen, metaclass=Columns):
    """The base of a row, which is made from keywords and cannot be changed.

    Importing dataclasses would make the start of a pull longer by a sixth.
    """

    def __init__(self, **cells: Any) -> None:
        cells = type(self).defaults | cells
        for name in self.__slots__:
            if name not in cells:
                raise TypeError(f"a {type(self).__name__} needs {name}")
            object.__setattr__(self, name, cells.pop(name))
        if cells:
            raise TypeError(f"a {type(self).__name__} has no {', '.join(cells)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **dict(zip(self.__slots__, self._parts(), strict=True))), ()


class Request(Row):
    """One request on the wire: one hop of one try.

    Attributes:
        seq, attempt: number of the request and of the source, both from 0.
        kind: ping, token, manifest, config or blob.
        layer: number of the layer, from 0; None for everything else.
        addresses: each address that was tried for a new connection, its outcome and its seconds, separated by
            "; ": ``2001:db8::1 timeout 2.000000; 192.0.2.1 connected 0.012000``. Outcomes are ``connected``,
            ``refused``, ``unreachable``, ``timeout``, ``overtaken`` (the other family answered first), and
            errors of the system in lower case.
        range_from: offset in bytes from which a cut body was resumed.
        retry_after_s: pause that the server asked for.
        cache_header: headers in which a cache reports a hit or a miss.
        samples: at most 64 pairs: seconds since the start of the request, bytes received by then.
        rate_limit: ``RateLimit-*`` headers, in which a registry reports its limits.
        scheme: https or http; podman asks a registry that may be insecure over https first.
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
    addresses: str | None = None
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
    scheme: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data; ``samples`` only if there are any."""
        row = {name: getattr(self, name) for name in REQUEST_COLUMNS}
        if self.samples is None:
            del row["samples"]
        else:
            row["samples"] = [list(pair) for pair in self.samples]
        return row


class Failure(Frozen):
    """Why one source, or one candidate, did not deliver the image.

    ``hint`` is the cure for this source: a command, or a line of a file. ``cause`` is the exception, with its
    traceback, if the failure is one that regtools does not foresee (kind ``unforeseen``): material for a bug
    report, shown nowhere.
    """

    __slots__ = __match_args__ = ("reference", "kind", "message", "hint", "cause")
    reference: str
    kind: str
    message: str
    hint: str | None
    cause: Exception | None

    def __init__(
        self,
        reference: str,
        kind: str,
        message: str,
        hint: str | None = None,
        cause: Exception | None = None,
    ) -> None:
        self._set(reference, kind, message, hint, cause)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and self._parts()[:-1] == other._parts()[:-1]

    def __hash__(self) -> int:
        return hash(self._parts()[:-1])

    def __repr__(self) -> str:
        return f"Failure({self.reference!r}, {self.kind!r}, {self.message!r}, {self.hint!r})"

    def __str__(self) -> str:
        return visible(f"{self.reference}: {self.message} [{self.kind}]")


class Pull(Row):
    """One measured pull, successful or failed: the columns of its row, its requests and failures.

    Attributes:
        image: the name as the user wrote it.
        reference: the candidate that was pulled, the name under which podman would store the image.
        served_by: the source that delivered the manifest.
        attempts: the sources tried, in order.
        error_kind: kind of the last failure; None if ``ok``.
        bytes_fetched: bytes in the bodies of all blob requests, including repeated ones.
        digest: of the manifest of the image for the platform.
        asked_digest: the digest in ``image``; None if it names a tag.
        index_digest: of the index that led to the platform's manifest; None if there is none.
        hash_cpu_s: CPU seconds of hashing, measured on some of the chunks and projected to all bytes.
        client_cpu: CPU seconds of this process for a second of ``transfer_s``; above ``CLIENT_LIMIT`` the
            client was the limit, not the network. None for podman and skopeo.
    """

    run_id: str
    vantage: str = ""
    round: int | None = None
    order: int | None = None
    started_at: Moment
    place: str
    image: str
    reference: str | None
    digest: str | None
    client: str
    client_version: str
    workers: int | None = None
    cache_state: str = "unknown"
    n_layers: int | None
    bytes_declared: int | None
    bytes_fetched: int | None
    n_requests: int
    n_retries: int
    wait_s: float
    auth_s: float
    manifest_s: float
    ttfb_s: float | None = None
    transfer_s: float
    hash_cpu_s: float | None = None
    client_cpu: float | None = None
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
    asked_digest: str | None = None
    index_digest: str | None = None
    requests: tuple[Request, ...] = ()
    failures: tuple[Failure, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return the pull's own row as plain data, without its requests."""
        return {name: getattr(self, name) for name in PULL_COLUMNS} | {"attempts": list(self.attempts)}

    def to_dict(self) -> dict[str, Any]:
        """Return the row together with ``requests`` (rows) and ``failures``, as plain data for JSON."""
        return {
            **self.row(),
            "requests": [request.to_dict() for request in self.requests],
            "failures": [
                {name: getattr(each, name) for name in ("reference", "kind", "message", "hint")}
                for each in self.failures
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Pull:
        """Read what :meth:`to_dict` returned, for example to draw a recorded pull.

        Raises:
            RegtoolsError: kind ``bad-record``: a column is missing, or there is one too many.
        """
        try:
            requests = tuple(_request(row) for row in data["requests"])
            failures = tuple(Failure(**row) for row in data["failures"])
            row = {name: data[name] for name in PULL_COLUMNS if name in data or name not in _LATER}
            row["attempts"] = tuple(row["attempts"])
            return cls(**row, requests=requests, failures=failures)
        except (KeyError, TypeError) as error:
            message = f"this is not a recorded pull: {error}"
            hint = "pass what Pull.to_dict() returned"
            raise RegtoolsError(message, kind="bad-record", stage="load", hint=hint) from error

    def to_frame(self) -> pd.DataFrame:
        """Return the requests as a frame, one row each, with the columns of ``REQUEST_COLUMNS``."""
        return frames([], [request.to_dict() for request in self.requests])[1]

    def __str__(self) -> str:
        facts = [(f"{name}:" if name else "", value) for name, value in _facts(self)]
        lines = text_table(facts, indent="  ", width=terminal_width())
        return "\n".join([visible(f"{self.reference or self.image}: {self._verdict}"), *lines])

    def _repr_html_(self) -> str:
        caption = f"{self.reference or self.image}: {self._verdict}"
        return html_table(_facts(self), heading=False, named=True, caption=caption)

    @property
    def _verdict(self) -> str:
        return "pulled" if self.ok else f"failed [{self.error_kind}]"


PULL_COLUMNS = Pull.dtypes(but=("requests", "failures"))
REQUEST_COLUMNS = Request.dtypes()
_LATER = (
    "start_s",
    "store_s",
    "client_cpu",
    "asked_digest",
    "index_digest",
)  # columns that the first records of this format lack


def _request(row: Mapping[str, Any]) -> Request:
    samples = row.get("samples")
    pairs = None if samples is None else tuple((moment, count) for moment, count in samples)
    return Request(**{**row, "samples": pairs})


def frames(
    pulls: Iterable[dict[str, Any]], requests: Iterable[dict[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return plain rows as the two tidy frames; columns and dtypes do not depend on the rows.

    Raises:
        RegtoolsError: kind ``bad-record``: a cell has a type that its column cannot hold.
    """
    from .frames import framed

    return framed(pulls, PULL_COLUMNS), framed(requests, REQUEST_COLUMNS)


def _facts(pull: Pull) -> list[tuple[str, str]]:
    """Return what people want to know of a pull, as pairs of a word and a value."""
    found = [("total", seconds(pull.total_s))]
    if pull.served_by:
        found.append(("served by", pull.served_by))
    for name, digest in (("index", pull.index_digest), ("digest", pull.digest)):
        if digest:
            asked = " (as asked for)" if digest == pull.asked_digest else ""
            found.append((name, f"{digest}{asked}"))
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
    found += [("https first", told) for told in _https_first(pull)]
    if (pull.client_cpu or 0.0) > CLIENT_LIMIT:
        busy = f"its CPU was busy for {pull.client_cpu:.0%} of the transfer, so it may be the limit"
        found.append(("client", busy))
    if pull.client != "builtin":
        memory = size(pull.max_rss_kb * 1024)
        found.append(("client", f"{pull.client} {pull.client_version}, peak memory {memory}"))
    repeated = f", {pull.n_retries} of them repeated" if pull.n_retries else ""
    found.append(("requests", f"{pull.n_requests}{repeated}"))
    several = (each.addresses for each in pull.requests if each.addresses and "; " in each.addresses)
    if addresses := next(several, None):
        found.append(("addresses", in_words(addresses)))
    return [*found, *explained(pull.failures, ok=pull.ok)]


def explained(failures: Sequence[Failure], *, ok: bool) -> Iterator[tuple[str, str]]:
    """Yield what to tell of failures, as pairs of a word and a sentence; each kind is explained once.

    Args:
        failures: of one pull.
        ok: whether another source delivered the image.
    """
    if not failures:
        return
    from .failures import FAILURES, cause_of  # not before there is something to explain

    nowhere = not ok and {each.kind for each in failures} == {"http-404"}
    for kind in dict.fromkeys(each.kind for each in failures):
        mine = [each for each in failures if each.kind == kind]
        cause = FAILURES["nowhere"] if nowhere else cause_of(kind)
        yield from (("failed", str(each)) for each in mine)
        yield "means", cause.means
        yield "because", cause.because
        hints = dict.fromkeys(each.hint for each in mine if each.hint)
        yield from (("cure", hint) for hint in hints or (cause.cure,))
        yield "podman", cause.tools
        yield "see", cause.see


def _https_first(pull: Pull) -> Iterator[str]:
    """Yield what the attempt over https cost where http answered, source by source."""
    for attempt, source in enumerate(pull.attempts):
        pings = [each for each in pull.requests if (each.attempt, each.kind) == (attempt, "ping")]
        secure, plain = ([each for each in pings if each.scheme == way] for way in ("https", "http"))
        if secure and plain:
            lost, spent = (seconds(sum(each.total_s for each in ways)) for ways in (secure, plain))
            host = source.partition("/")[0]
            kind = secure[-1].error_kind
            longer = "; podman 4.3 waits 20 s for HTTPS, 5.4 and 6.1 10 s" if kind == "timeout" else ""
            yield f"{host}: {lost} over HTTPS failed [{kind}], then {spent} over HTTP{longer}"


_OUTCOMES = {
    "connected": "answers",
    "refused": "refuses the connection",
    "unreachable": "has no route from here",
    "timeout": "does not answer",
    "overtaken": "is slower than the next one",
}


def in_words(addresses: str) -> str:
    """Write a cell of the column ``addresses`` for people.

    >>> in_words("2001:db8::1 timeout 4.700000; 192.0.2.1 refused 0.000300")
    '2001:db8::1 does not answer (4.70 s), 192.0.2.1 refuses the connection (0.3 ms)'
    """
    cells = (each.split(" ") for each in addresses.split("; "))
    return ", ".join(f"{ip} {_OUTCOMES.get(code, code)} ({seconds(float(took))})" for ip, code, took in cells)
