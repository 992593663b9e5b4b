"""Chunks that go straight into the hash are counted, measured and judged like those that are watched."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.pull.http import receiving
from regtools.pull.http.receiving import SAMPLES, Body, Receiver, Tap, Wanted
from regtools.pull.meter import Meter

CHUNKS = st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.booleans()), min_size=1, max_size=120)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def received(
    chunks: list[tuple[bytes, bool]], body: Body, expected: int, headers: list[str]
) -> tuple[Receiver, list[bytes]]:
    """Play libcurl: deliver chunks, call ``progress`` after those that say so, end where told to."""
    receiver = Receiver(Tap(), lambda *_: body, expected, 1, 60.0)
    for line in ("HTTP/1.1 200 OK", *headers, ""):
        receiver.header(f"{line}\r\n".encode())
    delivered: list[bytes] = []
    for chunk, looks in chunks:
        delivered.append(chunk)
        count = sum(map(len, delivered))
        if receiver.tap(chunk) == -1 or (looks and receiver.progress(count)):
            break
    receiver.end(sum(map(len, delivered)))
    return receiver, delivered


@given(CHUNKS, st.booleans(), st.booleans(), st.sampled_from([1, 7, receiving.BATCH]))
def test_a_body_is_verified_however_it_arrives(
    chunks: list[tuple[bytes, bool]], keeps: bool, announces: bool, batch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receiving, "BATCH", batch)
        check_that_it_is_verified(chunks, keeps, announces)


def check_that_it_is_verified(chunks: list[tuple[bytes, bool]], keeps: bool, announces: bool) -> None:
    content, kept, meter = b"".join(chunk for chunk, _ in chunks), BytesIO(), Meter()
    body = Body(Wanted("blob", "", digest(content), len(content)), kept if keeps else None, meter)
    headers = [f"Content-Length: {len(content)}"] if announces else ["Transfer-Encoding: chunked"]
    receiver, _ = received(chunks, body, len(content), headers)
    assert body.verdict() is None
    assert not receiver.refused
    assert receiver.received == body.received == meter.fetched == len(content)
    assert kept.getvalue() == (content if keeps else b"")
    assert body.cpu_s > 0
    samples = receiver.sampled() or ()
    assert 0 < len(samples) <= SAMPLES
    assert samples[-1][1] == len(content)
    assert list(samples) == sorted(samples)


@given(CHUNKS, st.integers(1, 40), st.booleans())
def test_a_body_that_may_be_too_long_is_cut_off_at_its_first_byte_too_many(
    chunks: list[tuple[bytes, bool]], more: int, announces: bool
) -> None:
    content = b"".join(chunk for chunk, _ in chunks)
    size = max(0, len(content) - more)
    body = Body(Wanted("blob", "", digest(content[:size]), size))
    headers = [f"Content-Length: {len(content)}"] if announces else []
    receiver, delivered = received(chunks, body, size, headers)
    assert receiver.refused
    assert len(b"".join(delivered[:-1])) <= size < len(b"".join(delivered))
    assert (body.verdict() or "")[0] == "size-mismatch"


@given(CHUNKS, st.integers(1, 40))
def test_a_body_longer_than_announced_is_noticed_when_libcurl_next_reports(
    chunks: list[tuple[bytes, bool]], more: int
) -> None:
    """Libcurl does not read on then; if it ever did, the body would fail all the same."""
    content = b"".join(chunk for chunk, _ in chunks)
    size = max(1, len(content) - more)
    body = Body(Wanted("blob", "", digest(content[:size]), size))
    receiver, delivered = received(chunks, body, size, [f"Content-Length: {size}"])
    assert receiver.received == len(b"".join(delivered))
    assert receiver.refused is (len(content) > size)
    assert (body.verdict() is None) is (len(content) == size)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_of_each_quarter_of_a_fast_body_is_watched(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "BATCH", batch)
    body = Body(Wanted("blob", "", digest(bytes(1000)), 1000))
    calls: list[bytes] = []
    take = body.take
    body.take = lambda data: (calls.append(data), take(data))[1]  # type: ignore[method-assign,func-returns-value]
    chunks = [(bytes(1), number % 100 == 99) for number in range(1000)]
    received(chunks, body, 1000, ["Content-Length: 1000"])
    assert len(calls) == 4 * batch
    assert body.verdict() is None


@pytest.mark.parametrize("first", ["import pycurl", ""])
def test_pycurl_is_whole_for_whoever_asks_for_the_rest(first: str) -> None:
    code = f"""{first}
import sys
import regtools.pull.timing
print(*(each for each in ("dataclasses", "inspect", "pycurl.async_multi") if each in sys.modules))
import pycurl
assert "AsyncCurlMulti" in pycurl.__all__
from pycurl import *
print(AsyncCurlMulti is pycurl.AsyncCurlMulti is pycurl.async_multi.AsyncCurlMulti)
print(hasattr(pycurl, "nothing"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, same, other = done.stdout.splitlines()
    assert (same, other) == ("True", "False")
    assert bool(loaded) is bool(first)
