"""Send one HTTP request over pycurl, timed phase by phase; the caller decides on redirects and repetitions.

A :class:`Client` owns one easy handle, so it keeps one connection per host alive, and belongs to one thread.
It uses HTTP/1.1 on purpose: podman does not negotiate HTTP/2 either, and with one connection per worker the
phases of a request are its own.

libcurl's times count from the start of the transfer; rows hold differences. A reused connection has no DNS,
TCP or TLS time: these are None, not 0.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from regtools.values import TYPE_CHECKING, NamedTuple

from .curl import pycurl
from .dialing import Dialer
from .receiving import MOST_HEADERS, Begin, Receiver, Tap, phases
from .trust import Proxy, Trust, proxy_for
from .values import Address, Secret

if TYPE_CHECKING:
    from typing import Any

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


class Trouble(NamedTuple):
    """Why a transfer failed: error kind, message, and whether a repetition may help.

    The message is ours. libcurl's words are read where no number says as much, but never shown: they quote
    what the server sent, its certificate and its address.
    """

    kind: str
    message: str
    repeatable: bool = False


_CUT = Trouble("cut", "the connection ended before the whole answer had arrived", True)
_TLS = Trouble("tls", "TLS cannot be set up: it speaks something else, or another version", True)
_PLAIN = Trouble("plain-http", "it does not speak TLS, but plain HTTP")
_PAIR = Trouble("certificate", "our client certificate, or its key, cannot be used (see certs.d)")
_REFUSED = Trouble("certificate", "it wants a client certificate that it trusts (see certs.d)")
_STOPPED = Trouble("stopped", "reading was stopped")
_NONSENSE = Trouble("transport", "its answer is not HTTP", True)

# libcurl's error → why the transfer failed.
_TROUBLES = {
    pycurl.E_COULDNT_RESOLVE_HOST: Trouble("dns", "its name cannot be resolved", True),
    pycurl.E_COULDNT_RESOLVE_PROXY: Trouble("dns", "the proxy's name cannot be resolved", True),
    pycurl.E_COULDNT_CONNECT: Trouble("connect", "it cannot be reached", True),
    pycurl.E_SSL_CONNECT_ERROR: _TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: Trouble("certificate", "its certificate is for another name"),
    pycurl.E_SSL_CERTPROBLEM: _PAIR,
    pycurl.E_SSL_CACERT_BADFILE: Trouble("certificate", "the file of certificate authorities cannot be read"),
    pycurl.E_BAD_FUNCTION_ARGUMENT: _PAIR,  # a key that is locked, or not the certificate's
    pycurl.E_GOT_NOTHING: _CUT,
    pycurl.E_PARTIAL_FILE: _CUT,
    pycurl.E_RECV_ERROR: _CUT,
    pycurl.E_SEND_ERROR: _CUT,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _NONSENSE,  # not only of FTP
    pycurl.E_UNSUPPORTED_PROTOCOL: Trouble("bad-url", "its address is neither http nor https"),
    pycurl.E_URL_MALFORMAT: Trouble("bad-url", "its address makes no sense"),
    pycurl.E_OUT_OF_MEMORY: Trouble("resources", "this process has no memory left"),
    pycurl.E_WRITE_ERROR: _STOPPED,
    pycurl.E_ABORTED_BY_CALLBACK: Trouble("cancelled", "the pull was stopped"),
}

# What OpenSSL finds wrong with a certificate, by the number that `man openssl-verification-options` lists.
_NOT_TRUSTED = "its certificate's authority is not trusted here"
_UNTRUSTED = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed, and not trusted here",
    23: "its certificate has been revoked",
    62: "its certificate is for another name",
}

# What a server objects to in our certificate, or its absence; with TLS 1.3 this arrives instead of an answer.
_ALERTS = ("alert certificate required", "alert unknown ca", "alert bad certificate", "certificate expired")

# What OpenSSL makes of an answer in the clear, by its first bytes ("HTTP/" instead of a version of TLS).
_CLEAR = ("wrong version number", "packet length too long", "http request")

_HTTP_VERSIONS = {1: "1.0", 2: "1.1", 3: "2", 30: "3"}


class Limits(NamedTuple):
    """How long to wait and how often to try; all times in seconds. The total time of a pull is not limited.

    Attributes:
        connect_s: limit for name look-up, TCP and TLS together.
        low_speed: bytes per second; a transfer that is slower for ``low_speed_s`` has stalled.
        low_speed_s: see ``low_speed``; also the limit for the time until the first byte.
        redirects: most hops followed for one request.
        retries: most repetitions of one request.
        backoff_s: pause before the first repetition; it doubles each time and varies by a quarter.
        retry_after_s: longest ``Retry-After`` that is obeyed; a longer one ends the request.
    """

    connect_s: float = 5.0
    low_speed: int = 1000
    low_speed_s: float = 15.0
    redirects: int = 5
    retries: int = 4
    backoff_s: float = 0.5
    retry_after_s: float = 60.0


class Exchange(NamedTuple):
    """The result of one request: the answer, where the time went, and how it failed if it did.

    Attributes:
        status, headers, body: the answer; of a body that is not the document, the first 64 KiB.
        next_url: the address of a redirect; empty if there is none.
        failed: why the transfer failed; None if it did not.
        wire: the columns of :class:`~regtools.pull.records.Request` that the connection defines.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    next_url: bytes
    failed: Trouble | None
    wire: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Exchange({self.status})"  # a header may hold a secret


class Client:
    """A client for one thread: sends one request after the other over connections that it keeps alive.

    Args:
        origin: ``time.perf_counter()`` at the start of the pull, from which ``t0_s`` counts.
        limits: how long to wait.
        cancelled: called often, at least once a second; a transfer ends when it returns True.
        environ: names proxies and a file of certificate authorities.
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
        self._tap = Tap()
        self._origin = origin
        self._limits = limits
        self._cancelled = cancelled
        self._environ = environ
        self._peers: dict[int, str] = {}  # local port → address, of connections that may be reused
        self._tls_versions: dict[str, str] = {}  # host → version, of connections that may be reused

    def close(self) -> None:
        """Close the connections."""
        self._curl.close()

    def send(
        self,
        address: Address,
        *,
        headers: Mapping[str, str | Secret],
        begin: Begin,
        trust: Trust,
        expected: int | None = None,
        form: Secret | None = None,
        fresh: bool = False,
    ) -> Exchange:
        """Send one GET, or POST a form; return what came back. Network failures are returned, not raised.

        Args:
            address: absolute http or https URL.
            headers: request headers; their values are neither shown nor kept.
            begin: called with status and headers before the first byte of the body. It returns what takes
                the body; or None for an explanation, the first 64 KiB of which are kept in ``Exchange.body``.
            trust: whom to trust over TLS.
            expected: bytes of the body, if known; at most 64 ``samples`` are taken then.
            form: fields to post, as ``application/x-www-form-urlencoded``.
            fresh: whether to open a new connection in any case.
        """
        proxy = proxy_for(address, self._environ)
        receiver = Receiver(self._tap, begin, expected, self._limits.low_speed, self._limits.low_speed_s)
        self._configure(address.url, headers, trust, proxy)
        curl = self._curl
        if fresh:
            curl.setopt(pycurl.FRESH_CONNECT, 1)
        if form is not None:
            curl.setopt(pycurl.POSTFIELDS, form.reveal())
        curl.setopt(pycurl.HEADERFUNCTION, receiver.header)
        curl.setopt(pycurl.WRITEFUNCTION, self._tap)
        cancelled = self._cancelled
        curl.setopt(pycurl.XFERINFOFUNCTION, lambda _, now, *__: cancelled() or receiver.progress(now))
        dialer = Dialer(address.host, self._limits.connect_s, cancelled)
        if not proxy.url and "%" not in address.host:  # a proxy's name, and an odd one, are libcurl's
            dialer.connect_with(curl, address.port)
        tls: list[str] = []
        if address.scheme == "https" and address.shown not in self._tls_versions:
            curl.setopt(pycurl.VERBOSE, 1)  # libcurl reports the TLS version in its log only
            curl.setopt(pycurl.DEBUGFUNCTION, lambda kind, text: _note_tls(kind, text, tls))
        failed: Trouble | None = None
        receiver.started = time.perf_counter()
        try:
            curl.perform()
        except pycurl.error as problem:
            number, words = problem.args
            failed = trouble_of(curl, number, str(words), self._limits, stalled=receiver.stalled)
            if receiver.refused:
                failed = _STOPPED
            if dialer.fault is not None:
                failed = Trouble(*dialer.fault, repeatable=dialer.fault[0] != "cancelled")
        receiver.end(curl.getinfo(pycurl.SIZE_DOWNLOAD_T))
        if unforeseen := receiver.failed or dialer.failed:
            raise unforeseen
        if tls:
            self._tls_versions[address.shown] = tls[0]
        return self._exchange(address, receiver, dialer, failed, proxy.shown)

    def _configure(self, url: str, headers: Mapping[str, str | Secret], trust: Trust, proxy: Proxy) -> None:
        curl, limits = self._curl, self._limits
        curl.reset()  # keeps connections, the DNS cache and TLS sessions
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(
            pycurl.HTTPHEADER,  # built in place: no variable of this frame holds a secret
            [
                f"{name}: {value.reveal() if isinstance(value, Secret) else value}"
                for name, value in headers.items()
            ],
        )
        curl.setopt(pycurl.USERAGENT, "regtools")
        curl.setopt(pycurl.PROXY, proxy.url)  # even if empty: libcurl reads the environment differently
        if proxy.user is not None and proxy.password is not None:  # not in the URL, which libcurl may quote
            curl.setopt(pycurl.PROXYUSERNAME, _sendable(proxy.user))
            curl.setopt(pycurl.PROXYPASSWORD, _sendable(proxy.password))
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
            curl.unsetopt(pycurl.CAINFO)  # OpenSSL would spend 4 ms on reading them all and use none
        elif trust.authorities:
            curl.setopt(pycurl.CAINFO_BLOB, _read(system) + b"\n" + trust.authorities)
        elif system:
            curl.setopt(pycurl.CAINFO, os.fsencode(system))
        if trust.certificate and trust.key:
            curl.setopt(pycurl.SSLCERT, os.fsencode(trust.certificate))
            curl.setopt(pycurl.SSLKEY, os.fsencode(trust.key))
            curl.setopt(pycurl.KEYPASSWD, "")  # otherwise OpenSSL asks for one at the terminal

    def _exchange(
        self, address: Address, receiver: Receiver, dialer: Dialer, failed: Trouble | None, proxy: str | None
    ) -> Exchange:
        info = self._curl.getinfo
        if dialer.ip is not None:
            self._peers[info(pycurl.LOCAL_PORT)] = dialer.ip
        secure = address.scheme == "https"
        if receiver.oversized:
            failed = Trouble("too-large", f"its header has more than {MOST_HEADERS} bytes")
        elif receiver.enough and failed is not None and failed.kind == "stopped":
            failed = None  # reading stopped within an explanation; the answer itself is complete
        status = int(info(pycurl.RESPONSE_CODE)) or None
        connections = int(info(pycurl.NUM_CONNECTS))
        reused = None if not connections and status is None and not receiver.received else connections == 0
        wire = {
            "scheme": address.scheme,
            "url_host": address.shown,
            "remote_ip": (info(pycurl.PRIMARY_IP) or None)
            if proxy
            else self._peers.get(info(pycurl.LOCAL_PORT)),
            "addresses": dialer.row,
            "http_version": _HTTP_VERSIONS.get(int(info(pycurl.INFO_HTTP_VERSION))),
            "tls_version": self._tls_versions.get(address.shown) if secure and status is not None else None,
            "reused": reused,
            "status": status,
            "t0_s": receiver.started - self._origin,
            **phases(info, secure, bool(reused), dialer.looked_up(info)),
            "bytes": receiver.received,
            "proxy": proxy,
            "samples": receiver.sampled(),
        }
        moved = self._curl.getinfo_raw(pycurl.REDIRECT_URL) or b""
        return Exchange(status, receiver.headers, bytes(receiver.kept), moved, failed, wire)


def trouble_of(curl: pycurl.Curl, error: int, words: str, limits: Limits, *, stalled: bool) -> Trouble:
    """Return what a transfer failed of.

    Args:
        curl: the handle whose transfer failed.
        error: libcurl's number.
        words: libcurl's message.
        limits: how long the transfer waited.
        stalled: whether it was ended because the body was too slow.
    """
    connected = stalled or curl.getinfo(pycurl.PRETRANSFER_TIME_T) > 0
    if error == pycurl.E_OPERATION_TIMEDOUT or (error == pycurl.E_ABORTED_BY_CALLBACK and stalled):
        slow = f"it sent less than {limits.low_speed} bytes a second for {limits.low_speed_s:g} s"
        begun = stalled or "too slow" in words  # a handshake that times out has a "pretransfer time", too
        return Trouble("timeout", slow if begun else f"no connection within {limits.connect_s:g} s", True)
    if error == pycurl.E_UNSUPPORTED_PROTOCOL and connected:
        return _NONSENSE  # libcurl takes it for HTTP/0.9
    found = _TROUBLES.get(error) or Trouble("transport", f"the transfer failed (error {error} of libcurl)")
    if found is _TLS and any(each in words for each in _CLEAR):
        return _PLAIN
    if found is _CUT and any(each in words for each in _ALERTS):
        return _REFUSED
    if error == pycurl.E_COULDNT_CONNECT and (number := curl.getinfo(pycurl.OS_ERRNO)):
        return found._replace(message=f"{found.message}: {os.strerror(number)}")
    if error == pycurl.E_PEER_FAILED_VERIFICATION and (number := curl.getinfo(pycurl.SSL_VERIFYRESULT)):
        return found._replace(message=_UNTRUSTED.get(number, _NOT_TRUSTED))
    return found


def _sendable(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogateescape").replace(b"\0", b"")


def _note_tls(kind: int, text: bytes, found: list[str]) -> None:
    if kind == pycurl.INFOTYPE_TEXT and text.startswith(b"SSL connection using "):
        found += [word.decode("ascii", "replace") for word in text.split()[3:4]]


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
