"""Pauses count as waiting only where nothing else ran; proxies are chosen by Go's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.pull.http.trust import Proxy, proxy_for
from regtools.pull.http.values import Secret, read_url
from regtools.pull.recorder import idle

SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 10)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=8,
)


@given(SPANS, SPANS)
def test_idle_is_waiting_minus_working(waits: list[tuple[int, int]], busy: list[tuple[int, int]]) -> None:
    def moments(spans: list[tuple[int, int]]) -> set[int]:
        return {moment for start, end in spans for moment in range(start, end)}

    found = [(int(start), int(end)) for start, end in idle(waits, busy)]
    assert moments(found) == moments(waits) - moments(busy)
    assert sum(end - start for start, end in found) == len(moments(found))


PROXY = "http://user:pass@proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "environ", "used"),
    [
        ("https://quay.io/v2/", {}, False),
        ("https://quay.io/v2/", {"HTTPS_PROXY": PROXY}, True),
        ("https://quay.io/v2/", {"https_proxy": PROXY}, True),
        ("https://quay.io/v2/", {"HTTP_PROXY": PROXY}, False),
        ("http://quay.io/v2/", {"HTTP_PROXY": PROXY}, True),
        ("https://quay.io/v2/", {"ALL_PROXY": PROXY}, False),
        ("https://localhost:5000/v2/", {"HTTPS_PROXY": PROXY}, False),
        ("https://127.0.0.9:5000/v2/", {"HTTPS_PROXY": PROXY}, False),
        ("https://[::1]:5000/v2/", {"HTTPS_PROXY": PROXY}, False),
        ("https://quay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, False),
        ("https://quay.io/v2/", {"HTTPS_PROXY": PROXY, "no_proxy": "a.example, quay.io"}, False),
        ("https://cdn.quay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "quay.io"}, False),
        ("https://notquay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "quay.io"}, True),
        ("https://quay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": ".quay.io"}, True),
        ("https://cdn.quay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*.quay.io"}, False),
        ("https://quay.io:8443/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "quay.io:443"}, True),
        ("https://quay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "quay.io:443"}, False),
        ("https://10.1.2.3/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, False),
        ("https://11.1.2.3/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, True),
        ("https://quay.io/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "not/a/net"}, True),
    ],
)
def test_a_proxy_is_chosen_by_gos_rules(url: str, environ: dict[str, str], used: bool) -> None:
    found = proxy_for(read_url(url), environ)
    assert found == (
        Proxy("http://proxy.example:3128", "proxy.example:3128", Secret("user"), Secret("pass"))
        if used
        else Proxy()
    )


def test_a_proxy_is_used_and_recorded_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from regtools.pull.timing import time_pull
    from tests.support.confs import leading_to
    from tests.support.registries import SMALL
    from tests.support.rows import check
    from tests.support.scripted import Server

    with Server() as proxy:  # a plain proxy is a server that is asked for whole URLs
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s3cr3t@{proxy.host}")
        proxy.script.put("team/small", "1", SMALL)
        for table in (proxy.script.manifests, proxy.script.blobs):
            table.update({f"http://images.test{path}": value for path, value in list(table.items())})
        proxy.script.extra["http://images.test/v2/"] = proxy.script.answer("/v2/")
        pulled = check(time_pull("images.test/team/small:1", leading_to("images.test")))
    assert pulled.ok
    assert {each.proxy for each in pulled.requests if each.url_host == "images.test" and each.status} == {
        proxy.host
    }
    assert "s3cr3t" not in repr(pulled)
