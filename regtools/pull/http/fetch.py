"""Fetch and verify one document: redirects, repetitions, resumption, and a row for each request.

The rules; their limits are in :class:`~regtools.pull.http.transport.Limits`, and none bounds the total time:

* At most five hops, never from https to http. ``Authorization`` is sent to the registry's own origin only.
* A request is repeated after a failed connection, 408, 429, 5xx and a cut body, after 0.5 · 2ⁿ seconds with
  jitter or after what ``Retry-After`` asks for, up to a limit. Pauses are recorded as waiting, not as work.
* A cut body is resumed where it stopped (RFC 9110, section 14): only a 206 that starts there counts, a 200
  starts over.
* A body longer than declared is cut off at its first byte too many. It has failed, as has one with a wrong
  digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO

from regtools.display import visible
from regtools.errors import RegtoolsError
from regtools.reference import is_digest
from regtools.values import NamedTuple

from ..recorder import Run
from .receiving import Begin, Body, Wanted
from .tokens import Authorizer, Grant, Order, tokens_in
from .transport import Client, Exchange
from .trust import Trust
from .values import Address, Secret, clipped, read_date, read_seconds, read_url, read_whole

Fault = tuple[str, str]  # error kind and message


_REDIRECTS = (301, 302, 303, 307, 308)
_REPEATABLE = (408, 429)
# The codes in the error body of a 4xx with which podman 6.1.1 asks the next source for a blob.
_LEADS_ON = ("BLOB_UNKNOWN", "TOOMANYREQUESTS")
_TITLE = rb"(?i)<title[^>]*+>([^<]++)"
_RANGE = r"bytes ([0-9]++)-[0-9]++/(?:[0-9]++|\*)"


class Lane(NamedTuple):
    """One worker: its number, its connection, its run, and the number of the source that it asks."""

    number: int
    client: Client
    run: Run
    attempt: int = 0


class FetchError(RegtoolsError):
    """A document that could not be fetched; ``elsewhere`` if podman 6 would ask another source for it."""

    def __init__(self, message: str, *, kind: str, elsewhere: bool) -> None:
        super().__init__(message, kind=kind, stage="pull")
        self.elsewhere = elsewhere


def fetch(lane: Lane, wanted: Wanted, body: Body, trust: Trust, grant: Grant | None = None) -> Exchange:
    """Fetch one document into ``body``, verify it, and return the last answer.

    Args:
        lane: the worker.
        wanted: the document.
        body: takes what arrives.
        trust: certificates for the connection.
        grant: shown to its own origin; an :class:`~.tokens.Authorizer` also answers a 401.

    Raises:
        RegtoolsError: stage ``pull``; the kinds are those of a row's ``error_kind``, for example
        ``http-404``.
    """
    limits = lane.run.limits
    authorizer = grant if isinstance(grant, Authorizer) else None
    large = wanted.kind in ("config", "blob")
    renewed = False
    tries = 0
    while True:
        if authorizer is not None and authorizer.due:
            renew(lane, authorizer, "", trust, wanted, stale=authorizer.header)
        exchange, sent, fault, hop = _follow(lane, wanted, body, trust, grant)
        if fault is None:
            return exchange
        # Only the registry itself may ask for a login, not the target of a redirect.
        if exchange.status == 401 and authorizer is not None and not renewed and hop == 0:
            renewed = True
            header = exchange.headers.get("www-authenticate", "")
            if renew(lane, authorizer, header, trust, wanted, stale=sent):
                continue
        elsewhere = large and not body.received and _leads_on(exchange, fault[0])
        patient = wanted.patient or (large and not elsewhere)
        pause = _pause(exchange, fault[0], tries, lane.run) if patient and tries < limits.retries else None
        if elsewhere and not patient and fault[0].startswith("http-5") and tries < min(1, limits.retries):
            pause = 0.0  # podman 6.1 waits a second
        if pause is None:
            what = wanted.kind if wanted.digest is None else f"{wanted.kind} {wanted.digest[:19]}…"
            message = f"{what} from {exchange.wire['url_host']}: {fault[1]}"
            raise FetchError(message, kind=fault[0], elsewhere=elsewhere)
        tries += 1
        lane.run.wait(pause)


def renew(
    lane: Lane, authorizer: Authorizer, header: str, trust: Trust, wanted: Wanted, *, stale: Secret | None
) -> bool:
    """Answer a challenge with a new token; each request for a token is a row of its own."""

    def get(order: Order) -> Secret:
        token = Wanted(
            "token",
            order.url,
            limit=1 << 20,
            accept="application/json",
            patient=wanted.patient,
            form=order.form,
        )
        kept = BytesIO()
        fetch(lane, token, Body(token, kept), trust, order.grant)
        brought = Secret(kept.getvalue().decode("utf-8", "replace"))
        lane.run.hide(*tokens_in(brought))
        return brought

    return authorizer.answer(header, get, stale=stale)


def _follow(
    lane: Lane, wanted: Wanted, body: Body, trust: Trust, grant: Grant | None
) -> tuple[Exchange, Secret | None, Fault | None, int]:
    """Send one try, hop by hop.

    Returns:
        The last answer, the ``Authorization`` header sent, what is wrong with the answer, and its hop.
    """
    address, hop = read_url(wanted.url), 0
    if wanted.kind != "blob":
        body.restart()  # small: not worth resuming
    offset = body.received
    while True:
        secret = grant.headers(address) if grant else {}
        resumed = {"Range": f"bytes={offset}-"} if offset else {}
        exchange = lane.client.send(
            address,
            headers={"Accept": wanted.accept or "*/*", **secret, **resumed},
            begin=_gate(wanted, body, offset),
            trust=trust,
            expected=wanted.size - offset if wanted.kind == "blob" and wanted.size is not None else None,
            form=wanted.form,
            fresh=offset > 0,  # the rest of the cut body may still arrive over the old connection
        )
        fault = _judge(exchange, wanted, body, offset)
        moved = bool(exchange.next_url) and exchange.status in _REDIRECTS and exchange.failed is None
        if moved:
            try:
                target = read_url(exchange.next_url)
                fault = _refuse(address, target, hop, lane.run.limits.redirects, wanted)
            except RegtoolsError as error:
                fault = error.kind, f"it is redirected: {error.message}"
        _record(lane, wanted, exchange, hop, offset, fault, body)
        if not moved or fault is not None:
            return exchange, secret.get("Authorization"), fault, hop
        address, hop = target, hop + 1


def _gate(wanted: Wanted, body: Body, offset: int) -> Begin:
    """Return what decides, before the first byte, whether an answer's body is the document."""

    def begin(status: int, headers: Mapping[str, str]) -> Body | None:
        if status == 200:
            if offset:
                body.restart()
            claimed = headers.get("docker-content-digest", "")
            if wanted.kind == "manifest" and wanted.digest is None and is_digest(claimed):
                body.expect(claimed)
            return body
        return body if _resumes(status, headers, offset) else None

    return begin


def _resumes(status: int | None, headers: Mapping[str, str], offset: int) -> bool:
    """Return whether an answer goes on at ``offset``."""
    match = re.fullmatch(_RANGE, headers.get("content-range", ""))
    return bool(offset) and status == 206 and match is not None and read_whole(match[1]) == offset


def _judge(exchange: Exchange, wanted: Wanted, body: Body, offset: int) -> Fault | None:
    """Return what is wrong with an answer; None if it is the document."""
    failed = exchange.failed
    if failed is not None:
        if failed.kind == "stopped" and (found := body.verdict()):
            return found
        if failed.kind == "cut" and wanted.size == body.received and not body.verdict():
            return None  # cut after its last byte: nothing is missing
        return failed.kind, failed.message
    if exchange.status == 200 or _resumes(exchange.status, exchange.headers, offset):
        if wanted.size is not None and body.received < wanted.size and exchange.wire["bytes"]:
            return "cut", f"the body ended after {body.received} of {wanted.size} bytes"
        return body.verdict()
    if offset and exchange.status in (206, 416):
        body.restart()  # the server cannot resume there: fetch the whole again
        return "bad-range", f"the server did not go on at byte {offset}"
    if wanted.kind == "ping" and exchange.status == 401:
        return None
    page = web_page(exchange.headers.get("content-type", ""), exchange.body)
    if page and wanted.kind == "ping":
        return "not-a-registry", f"it answers {exchange.status} with {visible(page)}, not as a registry"
    code, message = _said(exchange)
    said = message or code or page
    if exchange.status == 429 and (pause := _retry_after(exchange)) is not None:
        said = f"{said or 'too many requests'}; it asks to wait {pause:.0f} s (Retry-After)"
    told = f": {clipped(visible(said), 200)}" if said else ""
    return f"http-{exchange.status}", f"the registry answers {exchange.status}{told}"


def _refuse(here: Address, target: Address, hop: int, limit: int, wanted: Wanted) -> Fault | None:
    """Return why a redirect is not followed; None if it is."""
    if wanted.form is not None:  # the form holds a secret for the first address only
        return "redirect-refused", f"it is redirected to {target.shown}, and secrets are not posted twice"
    if target.scheme not in ("http", "https") or (here.scheme == "https" and target.scheme != "https"):
        moved = f"from {here.scheme} to {target.scheme}://{target.shown}"
        return "redirect-refused", f"it is redirected {moved}"
    if hop >= limit:
        return "redirect-loop", f"it was redirected more than {limit} times"
    return None


def _pause(exchange: Exchange, kind: str, tries: int, run: Run) -> float | None:
    """Return the seconds to wait before a repetition; None if it would not help."""
    status = exchange.status or 0
    passing = kind in ("cut", "bad-range") or (exchange.failed is not None and exchange.failed.repeatable)
    if not passing and not (kind == f"http-{status}" and (status in _REPEATABLE or status >= 500)):
        return None
    asked = _retry_after(exchange)
    if asked is not None:
        return asked if asked <= run.limits.retry_after_s else None
    return run.limits.backoff_s * float(2**tries) * run.jitter()


def _leads_on(exchange: Exchange, kind: str) -> bool:
    """Return whether podman 6.1 would ask the next source for a blob instead of repeating or giving up."""
    told = kind.startswith("http-4") and _said(exchange)[0] in _LEADS_ON
    return told or kind == "timeout" or kind.startswith("http-5")


def _retry_after(exchange: Exchange) -> float | None:
    """Return the pause that a server asks for, in seconds or by a date (RFC 9110, section 10.2.3)."""
    value = exchange.headers.get("retry-after")
    if value is None:  # as almost always: trying to read a date takes longer than all else here
        return None
    if value.isdecimal():
        return read_seconds(value)
    moment = read_date(value)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _record(
    lane: Lane, wanted: Wanted, exchange: Exchange, hop: int, offset: int, fault: Fault | None, body: Body
) -> None:
    kind = fault[0] if fault else None
    arrived = exchange.status in (200, 206) and body.digest is not None
    judged = arrived and (kind is None or kind.endswith("-mismatch"))
    lane.run.record(
        exchange,
        hop=hop,
        kind=wanted.kind,
        digest=body.digest,
        layer=wanted.layer,
        range_from=offset or None,
        retry_after_s=_retry_after(exchange),
        digest_ok=kind is None if judged else None,
        worker=lane.number,
        attempt=lane.attempt,
        error_kind=kind,
    )


def web_page(content_type: str, body: bytes) -> str | None:
    """Return "a web page" with its title if an answer is one, else None."""
    if not content_type.lower().startswith("text/html"):
        return None
    title = re.search(_TITLE, body[:4096])
    named = " ".join(title[1].decode("utf-8", "replace").split()) if title else ""
    return f'a web page ("{clipped(named, 80)}")' if named else "a web page (text/html)"


def _said(exchange: Exchange) -> tuple[str | None, str | None]:
    """Return code and message of the registry's error body (distribution specification, "error codes")."""
    try:
        first = json.loads(exchange.body)["errors"][0]
        code, message = first.get("code"), first.get("message")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None, None
    return code if isinstance(code, str) else None, message if isinstance(message, str) else None
