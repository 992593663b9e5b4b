"""One HTTP request over pycurl, timed phase by phase. No redirects, no retries: those are decisions.

A :class:`Client` owns one easy handle, hence one kept-alive connection a host, and belongs to one thread.
HTTP/1.1 on purpose: podman's transport does not negotiate HTTP/2 either, and one connection a worker is
what makes the phases of a request its own.

libcurl's clock counts from the start of the transfer; the rows want differences. A reused connection has
no DNS, TCP or TLS time: those are None, not 0.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pycurl

from .logins import Secret
from .proxies import proxy_for
from .receiving import Receiver, phases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .receiving import Begin
    from .trust import Trust

__all__ = ["Client", "Exchange", "Limits"]

BUFFER = 512 * 1024

# Where the systems that podman runs on keep their certificate authorities (the list of Go's crypto/x509).
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

# libcurl's error → (error kind, worth repeating). Other errors are "transport".
_FAILURES: dict[int, tuple[str, bool]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: ("dns", True),
    pycurl.E_COULDNT_RESOLVE_PROXY: ("dns", True),
    pycurl.E_COULDNT_CONNECT: ("connect", True),
    pycurl.E_OPERATION_TIMEDOUT: ("timeout", True),
    pycurl.E_SSL_CONNECT_ERROR: ("tls", True),
    pycurl.E_PEER_FAILED_VERIFICATION: ("certificate", False),
    pycurl.E_SSL_CERTPROBLEM: ("certificate", False),
    pycurl.E_SSL_CACERT_BADFILE: ("certificate", False),
    pycurl.E_BAD_FUNCTION_ARGUMENT: ("certificate", False),  # a key that is locked, or not the certificate's
    pycurl.E_GOT_NOTHING: ("cut", True),
    pycurl.E_PARTIAL_FILE: ("cut", True),
    pycurl.E_RECV_ERROR: ("cut", True),
    pycurl.E_SEND_ERROR: ("cut", True),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: ("transport", True),  # not only of FTP
    pycurl.E_UNSUPPORTED_PROTOCOL: ("bad-url", False),
    pycurl.E_URL_MALFORMAT: ("bad-url", False),
    pycurl.E_WRITE_ERROR: ("stopped", False),
    pycurl.E_ABORTED_BY_CALLBACK: ("cancelled", False),
}

# What a server says of the certificate that we showed, or did not; with TLS 1.3 in place of an answer.
_ALERTS = ("alert certificate required", "alert unknown ca", "alert bad certificate", "certificate expired")

_HTTP_VERSIONS = {1: "1.0", 2: "1.1", 3: "2", 30: "3"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often to try; all times in seconds. There is no limit on a pull's total time.

    Attributes:
        connect_s: name look-up, TCP and TLS together.
        low_speed: bytes a second below which a transfer counts as stalled, when it lasts ``low_speed_s``.
        low_speed_s: see ``low_speed``; also how long a server may think before its first byte.
        redirects: hops followed for one request.
        retries: repetitions of one request.
        backoff_s: pause before the first repetition; doubles with each, and jitters by a quarter.
        retry_after_s: longest ``Retry-After`` that is obeyed; a longer one ends the request.
    """

    connect_s: float = 5.0
    low_speed: int = 1000
    low_speed_s: float = 15.0
    redirects: int = 5
    retries: int = 4
    backoff_s: float = 0.5
    retry_after_s: float = 60.0


# Never shown nor compared, and a header may hold a secret: no repr; it also halves the class's start-up time.
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Exchange:
    """What one request brought: the answer, where its time went, and how it failed if it did.

    Times are seconds; ``t0_s`` counts from the client's origin, the phases are differences that add up to
    ``total_s``. A phase that did not take place is None. ``detail`` is libcurl's text; it may name hosts.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    next_url: str | None
    error_kind: str | None
    repeatable: bool
    detail: str
    url_host: str
    remote_ip: str | None
    http_version: str | None
    tls_version: str | None
    reused: bool | None
    proxy: str | None
    t0_s: float
    dns_s: float | None
    tcp_s: float | None
    tls_s: float | None
    ttfb_s: float | None
    body_s: float | None
    total_s: float
    bytes: int
    samples: tuple[tuple[float, int], ...] | None

    @property
    def ended_s(self) -> float:
        """When it was over, on the pull's clock."""
        return self.t0_s + self.total_s


class Client:
    """Sends requests one after the other over kept-alive connections; for one thread.

    Arguments:
        origin: ``time.perf_counter()`` at the pull's start; requests' ``t0_s`` count from it.
        cancelled: asked often, about once a second when nothing arrives; True ends the transfer.
    """

    def __init__(
        self,
        origin: float,
        *,
        limits: Limits,
        cancelled: Callable[[], bool] = lambda: False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._curl = pycurl.Curl()
        self._origin = origin
        self._limits = limits
        self._cancelled = cancelled
        self._environ = environ
        self._tls_versions: dict[str, str] = {}  # host → version, of connections that may be reused

    def close(self) -> None:
        """Close the connections."""
        self._curl.close()

    def send(
        self,
        url: str,
        *,
        headers: Mapping[str, str | Secret],
        begin: Begin,
        trust: Trust,
        expected: int | None = None,
        form: Secret | None = None,
        fresh: bool = False,
    ) -> Exchange:
        """Send one GET, or POST a form, and give what came back; network failures are part of it, not raised.

        Arguments:
            url: absolute http or https URL.
            headers: request headers; a value is never shown or kept.
            begin: called with status and headers (names in lower case) before the first byte of the body;
                gives what takes the chunks and says False to stop, or None for an explanation
                whose first 64 KiB are kept in ``Exchange.body``.
            trust: whom to believe over TLS.
            expected: bytes of the body where known; then ``samples`` are taken, at most 64.
            form: fields to post, as ``application/x-www-form-urlencoded``.
            fresh: whether to open a new connection in any case.
        """
        parts = urlsplit(url)
        proxy, shown_proxy = proxy_for(parts.scheme, parts.hostname or "", parts.port, self._environ)
        receiver = Receiver(begin, expected, self._limits.low_speed, self._limits.low_speed_s)
        self._configure(url, headers, trust, proxy)
        curl = self._curl
        if fresh:
            curl.setopt(pycurl.FRESH_CONNECT, 1)
        if form is not None:
            curl.setopt(pycurl.POSTFIELDS, form.reveal())
        curl.setopt(pycurl.HEADERFUNCTION, receiver.header)
        curl.setopt(pycurl.WRITEFUNCTION, receiver.chunk)
        cancelled = self._cancelled
        curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_: 1 if cancelled() or receiver.stalls() else 0)
        listening = parts.scheme == "https" and parts.netloc not in self._tls_versions
        tls: list[str] = []
        if listening:  # libcurl tells the TLS version in its log only
            curl.setopt(pycurl.VERBOSE, 1)
            curl.setopt(pycurl.DEBUGFUNCTION, lambda kind, text: _note_tls(kind, text, tls))
        error, detail = None, ""
        receiver.started = time.perf_counter()
        t0_s = receiver.started - self._origin
        try:
            curl.perform()
        except pycurl.error as problem:
            error, detail = problem.args[0], str(problem.args[1])
        if tls:
            self._tls_versions[parts.netloc] = tls[0]
        return self._exchange(
            parts.scheme == "https",
            parts.netloc.rpartition("@")[2],
            receiver,
            t0_s,
            error,
            detail,
            shown_proxy,
        )

    def _configure(self, url: str, headers: Mapping[str, str | Secret], trust: Trust, proxy: str) -> None:
        curl, limits = self._curl, self._limits
        curl.reset()  # keeps connections, the DNS cache and TLS sessions
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(
            pycurl.HTTPHEADER,
            [
                f"{name}: {value.reveal() if isinstance(value, Secret) else value}"
                for name, value in headers.items()
            ],
        )
        curl.setopt(pycurl.USERAGENT, "regtools")
        curl.setopt(pycurl.PROXY, proxy)  # also when empty: libcurl's own reading of the environment differs
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.BUFFERSIZE, BUFFER)
        curl.setopt(pycurl.TCP_NODELAY, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(limits.connect_s * 1000)))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, limits.low_speed)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, round(limits.low_speed_s)))
        curl.setopt(pycurl.SSL_VERIFYPEER, int(trust.verify))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if trust.verify else 0)
        system = _system_authorities(self._environ)
        if not trust.verify:
            curl.unsetopt(pycurl.CAINFO)  # OpenSSL would read all of them, for 4 ms, and ask none
        elif trust.authorities:
            curl.setopt(pycurl.CAINFO_BLOB, _read(system) + b"\n" + trust.authorities)
        elif system:
            curl.setopt(pycurl.CAINFO, system)
        if trust.certificate and trust.key:
            curl.setopt(pycurl.SSLCERT, trust.certificate)
            curl.setopt(pycurl.SSLKEY, trust.key)
            curl.setopt(pycurl.KEYPASSWD, "")  # else OpenSSL would ask at the terminal for one

    def _exchange(
        self,
        secure: bool,
        host: str,
        receiver: Receiver,
        t0_s: float,
        error: int | None,
        detail: str,
        proxy: str | None,
    ) -> Exchange:
        info = self._curl.getinfo
        kind, repeatable = (None, False) if error is None else _FAILURES.get(error, ("transport", False))
        if kind == "cut" and any(each in detail for each in _ALERTS):
            kind, repeatable = "certificate", False
        if error == pycurl.E_ABORTED_BY_CALLBACK and receiver.stalled:
            kind, repeatable = "timeout", True
            detail = f"less than {self._limits.low_speed} bytes a second for {self._limits.low_speed_s:g} s"
        if error == pycurl.E_WRITE_ERROR and receiver.enough:
            kind = None  # we stopped reading an explanation; the answer itself is whole
        status = int(info(pycurl.RESPONSE_CODE)) or None
        connections = int(info(pycurl.NUM_CONNECTS))
        reused = None if not connections and status is None and not receiver.received else connections == 0
        cut = phases(info, secure, bool(reused))
        return Exchange(
            status=status,
            headers=receiver.headers,
            body=bytes(receiver.kept),
            next_url=info(pycurl.REDIRECT_URL) or None,
            error_kind=kind,
            repeatable=repeatable,
            detail=detail,
            url_host=host,
            remote_ip=info(pycurl.PRIMARY_IP) or None,
            http_version=_HTTP_VERSIONS.get(int(info(pycurl.INFO_HTTP_VERSION))),
            tls_version=self._tls_versions.get(host) if secure and status is not None else None,
            reused=reused,
            proxy=proxy,
            t0_s=t0_s,
            bytes=receiver.received,
            samples=receiver.sampled(),
            **cut,
        )


def _note_tls(kind: int, text: bytes, found: list[str]) -> None:
    if kind == pycurl.INFOTYPE_TEXT and text.startswith(b"SSL connection using "):
        found.append(text.split()[3].decode("ascii", "replace"))


def _system_authorities(environ: Mapping[str, str]) -> str | None:
    if named := environ.get("SSL_CERT_FILE"):
        return named
    return next((path for path in _BUNDLES if os.path.exists(path)), None)  # noqa: PTH110 - start-up time


def _read(bundle: str | None) -> bytes:
    try:
        with open(bundle or os.devnull, "rb") as file:  # noqa: PTH123 - start-up time
            return file.read()
    except OSError:
        return b""
