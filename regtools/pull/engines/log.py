"""Read the debug log of podman and skopeo while they run: sources tried, stages, failures.

Both are built on containers/image, whose debug messages name every source and every request. Times are those
at
which a line arrives, by our clock: the log itself has whole seconds only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from regtools.display import visible

from ..http.values import clipped
from ..records import Failure

_LINE = re.compile(r'time="[^"]*" level=(\w+) msg=(?:"((?:[^"\\]|\\.)*)"|(\S*))')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}
_TRYING = re.compile(r'Trying to access "(.+)"$')
_FAILED = re.compile(r'Accessing "(.+?)" failed: (.+)$', re.DOTALL)
_CANDIDATE = re.compile(r"Attempting to pull candidate (\S+) for ")
_LOADED = re.compile(r'Loading registries configuration "(.+)"$')
_REQUEST = re.compile(r"(?:GET|HEAD) https?://[^/]+/(?:v2/.+/(manifests|blobs)/)?")
_AGAIN = re.compile(r"Failed, retrying in ")
_STAGES = {"manifests": "manifest", "blobs": "transfer"}
_ORDER = ("auth", "manifest", "transfer")

# The query of a signed address grants access, so it is not shown.
_QUERY = re.compile(r"\?[^\s\"']+")

LONGEST = 4000  # characters of a message that are looked at: it may quote megabytes from a server

# Messages of containers/image and of Go's net and x509, the most specific first → error kind.
_KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"is blocked in ", "blocked"),
        (r"x509:|certificate (?:is|has|signed)|unknown authority", "certificate"),
        (r"no space left on device|disk quota exceeded", "disk"),
        (r"digest (?:did|does) not match|does not match .*digest|wrong digest", "digest-mismatch"),
        (r"no image found in (?:manifest list|image index)|no matching (?:manifest|image)", "no-platform"),
        (r"toomanyrequests|too many requests|rate limit", "http-429"),
        (r"manifest unknown|name unknown|no such manifest|blob unknown|repository .*not found", "http-404"),
        (r"(?:status(?: code)?(?: from registry)?[: ]+|StatusCode: )(?P<status>[1-5]\d\d)\b", "http"),
        (r"unauthorized|authentication required|invalid username/password", "http-401"),
        (r"denied|forbidden", "http-403"),
        (r"no such host|server misbehaving|name resolution", "dns"),
        (r"connection refused|network is unreachable|no route to host", "connect"),
        (r"i/o timeout|deadline exceeded|handshake timeout|timed out", "timeout"),
        (r"server gave HTTP response to HTTPS client", "plain-http"),
        (r"tls: |remote error", "tls"),
        (r"connection reset|unexpected EOF|: EOF|broken pipe", "cut"),
        (r"unsupported (?:schema|manifest)|unknown manifest|schema1", "unsupported-manifest"),
        (r"short-name", "no-candidates"),
    )
)


def kind_of(message: str) -> str:
    """Return the error kind of a message from podman or skopeo; ``engine`` for an unknown message.

    >>> kind_of('pinging container registry x: Get "https://x/v2/": dial tcp: lookup x: no such host')
    'dns'
    >>> kind_of("reading manifest 1 in x/y: received unexpected HTTP status: 503 Service Unavailable")
    'http-503'
    """
    for pattern, kind in _KINDS:
        if match := pattern.search(message, 0, LONGEST):
            return f"http-{match['status']}" if kind == "http" else kind
    return "engine"


class Story:
    """What a program has reported so far; :meth:`hear` takes its output piece by piece.

    Attributes:
        attempts: the sources tried, in order, including repetitions.
        failures: those that failed, and why.
        candidate: the full name that is being pulled, or None if it was not reported.
        loaded: the configuration files that it read.
        requests: number of requests sent.
        retries: how often it started the whole pull again.
        last: its last error message.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self.failures: list[Failure] = []
        self.candidate: str | None = None
        self.loaded: list[str] = []
        self.requests = 0
        self.retries = 0
        self.last = ""
        self._marks = [(0.0, "start")]  # moments at which a stage begins
        self._begun: list[bytes] = []  # pieces of a line whose end has not arrived

    def hear(self, data: bytes, at_s: float) -> None:
        """Take a piece of output that arrived at ``at_s`` seconds from the start."""
        piece, *others = data.split(b"\n")
        self._begun.append(piece)
        for other in others:  # joined once a line: a line of megabytes arrives in hundreds of pieces
            self._line(b"".join(self._begun).decode("utf-8", "replace"), at_s)
            self._begun = [other]

    def stages(self, total_s: float, arrived_s: float | None) -> dict[str, float]:
        """Return the seconds of each stage; together they are ``total_s``.

        Args:
            total_s: duration of the whole run.
            arrived_s: when the last byte had arrived, if that is known; what follows is ``store``.
        """
        spent = dict.fromkeys(("start", "auth", "manifest", "transfer", "wait", "store"), 0.0)
        marks = list(self._marks)
        if arrived_s is not None and marks[-1][1] == "transfer":
            marks.append((min(max(arrived_s, marks[-1][0]), total_s), "store"))
        ends = [*(at_s for at_s, _ in marks[1:]), total_s]
        for (at_s, stage), end in zip(marks, ends, strict=True):
            spent[stage] += end - at_s
        return spent

    def _line(self, line: str, at_s: float) -> None:
        match = _LINE.match(line)
        if match is None:
            if line.startswith("Error: "):
                self.last = _safe(line.removeprefix("Error: "))
            return
        level, text = (
            match[1],
            _ESCAPE.sub(lambda each: _ESCAPES.get(each[1], each[1]), match[2] or match[3] or ""),
        )
        if level in ("fatal", "error"):
            self.last = _safe(text)
        self._message(text, at_s)

    def _message(self, text: str, at_s: float) -> None:
        if match := _TRYING.match(text):
            self.attempts.append(match[1])
            self._marks.append((at_s, "auth"))
        elif match := _FAILED.match(text):
            self.failures.append(Failure(match[1], kind_of(match[2]), _safe(match[2])))
        elif match := _REQUEST.match(text):
            self.requests += 1
            stage, now = _STAGES.get(match[1] or "", ""), self._marks[-1][1]
            # Another token or manifest in a later stage belongs to that stage.
            if stage and now in _ORDER and _ORDER.index(stage) > _ORDER.index(now):
                self._marks.append((at_s, stage))
        elif match := _CANDIDATE.match(text):
            self.candidate = match[1]
        elif match := _LOADED.match(text):
            self.loaded.append(match[1])
        elif _AGAIN.match(text):
            self.retries += 1
            self._marks.append((at_s, "wait"))

    def told(self) -> Iterator[Failure]:
        """Yield the failures, and the error with which the program ended if that is not one of them."""
        yield from self.failures
        if self.last and not any(each.message in self.last for each in self.failures):
            place = self.attempts[-1] if self.attempts else self.candidate or ""
            yield Failure(place, kind_of(self.last), self.last)


def _safe(text: str) -> str:
    return clipped(visible(_QUERY.sub("?…", clipped(text, LONGEST).replace("\n", "; "))), 500)
