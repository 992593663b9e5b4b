"""One document, fetched and verified: redirects by hand, repetitions, resumption, a row for each request.

Rules (all in :class:`~regtools.pull.http.transport.Limits`, none on the total time):

* at most five hops, never from https to http, ``Authorization`` for the registry's own origin only;
* repeated are requests that failed on the way, 408, 429, 5xx and cut bodies, after 0.5 · 2ⁿ seconds with
  jitter, or after what ``Retry-After`` asks for, up to a cap; pauses are recorded as waiting, not as work;
* a cut body goes on where it stopped (RFC 9110, section 14): only a 206 that starts there counts, a 200
  starts over;
* a body longer than declared is cut off at its first byte too many; it counts as failed, as does a wrong
  digest.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regtools.errors import RegtoolsError

from .logins import Secret
from .receiving import DIGEST, Body, Wanted
from .tokens import Authorizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..recorder import Run
    from .receiving import Begin
    from .tokens import Grant, Order
    from .transport import Client, Exchange
    from .trust import Trust

__all__ = ["FetchError", "Lane", "fetch", "renew"]

_REDIRECTS = (301, 302, 303, 307, 308)
_REPEATABLE = (408, 429)
_CACHE_HEADERS = ("x-cache", "cf-cache-status", "x-cache-status", "age")


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker: its number, its connection, the run that it works for, and the source that it asks.

    ``attempt`` is the source's number where it is not the run's present one.
    """

    number: int
    client: Client
    run: Run
    attempt: int | None = None


class FetchError(RegtoolsError):
    """A document that could not be had; ``elsewhere`` where podman 6 would ask another source."""

    def __init__(self, message: str, *, kind: str, elsewhere: bool) -> None:
        super().__init__(message, kind=kind, stage="pull")
        self.elsewhere = elsewhere


def fetch(lane: Lane, wanted: Wanted, body: Body, trust: Trust, grant: Grant | None = None) -> Exchange:
    """Fetch one document into ``body`` and verify it; give the last answer.

    ``grant`` is shown to its own origin; an :class:`~.tokens.Authorizer` also answers a 401.

    Raises:
        RegtoolsError: stage ``pull``; kinds are those of the rows' ``error_kind``, for instance ``http-404``.
    """
    limits = lane.run.limits
    authorizer = grant if isinstance(grant, Authorizer) else None
    renewed = False
    tries = 0
    while True:
        if authorizer is not None and authorizer.due:
            renew(lane, authorizer, "", trust, wanted, stale=authorizer.header)
        exchange, sent, outcome, hop = _follow(lane, wanted, body, trust, grant)
        if outcome is None:
            return exchange
        # A challenge counts from the registry itself, not from where it has redirected us.
        if exchange.status == 401 and authorizer is not None and not renewed and hop == 0:
            renewed = True
            header = exchange.headers.get("www-authenticate", "")
            if renew(lane, authorizer, header, trust, wanted, stale=sent):
                continue
        elsewhere = (
            wanted.kind in ("config", "blob") and not body.received and _leads_on(exchange, outcome[0])
        )
        patient = wanted.patient or (wanted.kind in ("config", "blob") and not elsewhere)
        pause = _pause(exchange, outcome[0], tries, lane) if patient and tries < limits.retries else None
        if pause is None:
            raise FetchError(_explain(wanted, exchange, outcome), kind=outcome[0], elsewhere=elsewhere)
        tries += 1
        lane.run.wait(pause)


def renew(
    lane: Lane, authorizer: Authorizer, header: str, trust: Trust, wanted: Wanted, *, stale: Secret | None
) -> bool:
    """Answer a challenge with a new token; the token's own requests are rows of their own."""

    def get(order: Order) -> Secret:
        like: dict[str, Any] = {"accept": "application/json", "patient": wanted.patient, "form": order.form}
        token = Wanted("token", order.url, limit=1 << 20, **like)
        kept = BytesIO()
        fetch(lane, token, Body(token, kept), trust, order.grant)
        return Secret(kept.getvalue().decode("utf-8", "replace"))

    renewed = authorizer.answer(header, get, stale=stale)
    lane.run.hide(authorizer.header)
    return renewed


def _follow(
    lane: Lane, wanted: Wanted, body: Body, trust: Trust, grant: Grant | None
) -> tuple[Exchange, Secret | None, tuple[str, str] | None, int]:
    """Send one try, hop by hop.

    Returns: the last answer, the ``Authorization`` sent, what is wrong with the answer, and its hop.
    """
    url, hop = wanted.url, 0
    if wanted.kind != "blob":
        body.restart()  # small: not worth resuming
    offset = body.received
    while True:
        headers: dict[str, str | Secret] = {"Accept": wanted.accept or "*/*"}
        secret = grant.headers(url) if grant else {}
        headers |= secret
        if offset:
            headers["Range"] = f"bytes={offset}-"
        exchange = lane.client.send(
            url,
            headers=headers,
            begin=_gate(wanted, body, offset),
            trust=trust,
            expected=_expected(wanted, offset),
            form=wanted.form,
            fresh=offset > 0,  # what cut the body short may have left its rest in the old connection
        )
        outcome = _judge(exchange, wanted, body, offset)
        target = exchange.next_url if exchange.status in _REDIRECTS and exchange.error_kind is None else None
        if target is not None:
            outcome = _refuse(url, target, hop, lane.run.limits.redirects, wanted.form is not None)
        _record(lane, wanted, exchange, hop, offset, outcome, body)
        if target is None or outcome is not None:
            return exchange, secret.get("Authorization"), outcome, hop
        url, hop = target, hop + 1


def _gate(wanted: Wanted, body: Body, offset: int) -> Begin:
    """Give what decides, before the first byte, whether an answer's body is the document, and from where."""

    def begin(status: int, headers: Mapping[str, str]) -> Callable[[bytes], bool] | None:
        if status == 200:
            if offset:
                body.restart()
            claimed = headers.get("docker-content-digest", "")
            if wanted.kind == "manifest" and wanted.digest is None and DIGEST.fullmatch(claimed):
                body.expect(claimed)
            return body.take
        if status == 206 and offset and _starts_at(headers, offset):
            return body.take
        return None

    return begin


def _starts_at(headers: Mapping[str, str], offset: int) -> bool:
    match = re.match(r"bytes (\d+)-\d+/(?:\d+|\*)$", headers.get("content-range", ""))
    return match is not None and int(match.group(1)) == offset


def _expected(wanted: Wanted, offset: int) -> int | None:
    return wanted.size - offset if wanted.kind == "blob" and wanted.size is not None else None


def _judge(exchange: Exchange, wanted: Wanted, body: Body, offset: int) -> tuple[str, str] | None:
    """Give error kind and message of an answer that is not the document; None for one that is."""
    if exchange.error_kind == "stopped" and (found := body.verdict()):
        return found
    if exchange.error_kind == "cut" and wanted.size == body.received and not body.verdict():
        return None  # cut after its last byte: nothing is missing
    if exchange.error_kind:
        return exchange.error_kind, exchange.detail
    if exchange.status == 200 or (exchange.status == 206 and offset and _starts_at(exchange.headers, offset)):
        short = wanted.size is not None and body.received < wanted.size
        if short and exchange.bytes:
            return "cut", f"the body ended after {body.received} of {wanted.size} bytes"
        return body.verdict()
    if offset and exchange.status in (206, 416):
        body.restart()  # the server cannot go on where we were: once more from the start
        return "bad-range", f"the server did not go on at byte {offset}"
    if wanted.kind == "ping" and exchange.status == 401:
        return None
    return f"http-{exchange.status}", _told(exchange)


def _refuse(url: str, target: str, hop: int, limit: int, posted: bool) -> tuple[str, str] | None:
    """Say why a redirect is not followed; None if it is."""
    if posted:  # what was posted holds a secret that is for the first address only
        return "redirect-refused", f"it is redirected to {_host(target)}, and secrets are not posted twice"
    before, after = urlsplit(url), urlsplit(target)
    if after.scheme not in ("http", "https") or (before.scheme == "https" and after.scheme != "https"):
        return (
            "redirect-refused",
            f"it is redirected from {before.scheme} to {after.scheme}://{_host(target)}",
        )
    if hop >= limit:
        return "redirect-loop", f"it was redirected more than {limit} times"
    return None


def _pause(exchange: Exchange, kind: str, tries: int, lane: Lane) -> float | None:
    """Give the seconds to wait before asking again; None where asking again does not help."""
    status = exchange.status or 0
    passing = kind in ("cut", "bad-range") or exchange.repeatable
    if not passing and not (kind == f"http-{status}" and (status in _REPEATABLE or status >= 500)):
        return None
    asked = _retry_after(exchange.headers.get("retry-after"))
    if asked is not None:
        return asked if asked <= lane.run.limits.retry_after_s else None
    return lane.run.limits.backoff_s * float(2**tries) * lane.run.jitter()


def _leads_on(exchange: Exchange, kind: str) -> bool:
    """Say whether podman 6 would ask the next source for a blob, rather than this one again or nobody."""
    unknown = kind == "http-404" and _said(exchange)[0] == "BLOB_UNKNOWN"
    return unknown or kind in ("timeout", "http-429") or kind.startswith("http-5")


def _retry_after(value: str | None) -> float | None:
    """Read seconds or a date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    if value.isdecimal():
        return min(float(value), 1e9)  # thousands of digits are a number, too
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _record(
    lane: Lane,
    wanted: Wanted,
    exchange: Exchange,
    hop: int,
    offset: int,
    outcome: tuple[str, str] | None,
    body: Body,
) -> None:
    kind = outcome[0] if outcome else None
    arrived = exchange.status in (200, 206) and body.digest is not None
    judged = arrived and (kind is None or kind.endswith("-mismatch"))
    cache = [f"{name}: {exchange.headers[name]}" for name in _CACHE_HEADERS if name in exchange.headers]
    lane.run.record(
        exchange,
        hop=hop,
        kind=wanted.kind,
        digest=body.digest,
        layer=wanted.layer,
        range_from=offset or None,
        retry_after_s=_retry_after(exchange.headers.get("retry-after")),
        digest_ok=kind is None if judged else None,
        cache_header="; ".join(cache) or None,
        worker=lane.number,
        attempt=lane.run.attempt if lane.attempt is None else lane.attempt,
        error_kind=kind,
    )


def _told(exchange: Exchange) -> str:
    """Give what the registry says in one line."""
    from regtools.display import visible

    code, message = _said(exchange)
    said = message or code
    return f"the registry answers {exchange.status}" + (f": {visible(said)[:200]}" if said else "")


def _said(exchange: Exchange) -> tuple[str | None, str | None]:
    """Give code and message of the registry's error body (distribution specification, "error codes")."""
    import json

    try:
        first = json.loads(exchange.body)["errors"][0]
        code, message = first.get("code"), first.get("message")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None, None
    return code if isinstance(code, str) else None, message if isinstance(message, str) else None


def _explain(wanted: Wanted, exchange: Exchange, outcome: tuple[str, str]) -> str:
    what = wanted.kind if wanted.digest is None else f"{wanted.kind} {wanted.digest[:19]}…"
    return f"{what} from {exchange.url_host}: {outcome[1]}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
