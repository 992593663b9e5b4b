"""The boundary to the outside: text from a server becomes a value, and secrets are kept from being shown.

Whatever a server sends as a URL, a number, a date or a header passes through this module. Text that makes no
sense is None or a :class:`~regtools.errors.RegtoolsError`, so that the source fails and the next one is
tried; it never raises anything else.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, quote_plus, urlsplit

from regtools.display import visible
from regtools.errors import Place, RegtoolsError
from regtools.values import NamedTuple

with suppress(ImportError):  # Windows; recorder.py, which every pull needs, says so
    import resource

SHORTEST_SECRET = 4  # characters; hiding a shorter one would garble every sentence and protect nothing
SPARE_FILES = 8  # what one request opens at most: sockets, a resolver's files, certificates
LONGEST_S = 1e9  # a server that names a longer time means "never"
_PORTS = {"http": 80, "https": 443}
_KEPT = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}"  # printable ASCII besides letters, digits and _.-~
_LONGEST_WHOLE = 18  # digits: below 2**63, which every column of a journal can hold
# RFC 9110, section 5.6.7: the format to be sent, and the two obsolete ones to be understood.
_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


class Address(NamedTuple):
    """A URL that can be sent: ASCII without blanks, its port a number.

    Attributes:
        url: the whole, bytes outside of printable ASCII percent-encoded.
        scheme, host: in lower case; empty if the URL has none.
        port: as written, or the scheme's own; 0 if it has none.
        shown: host and port as written, without user and password.
    """

    url: str
    scheme: str
    host: str
    port: int
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"  # a URL may hold a password

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what a secret is bound to."""
        return self.scheme, self.host, self.port


def read_url(text: str | bytes) -> Address:
    """Read a URL of any origin.

    >>> read_url("https://me:secret@Quay.io/v2/").shown
    'Quay.io'
    >>> read_url("https://Quay.io/v2/").origin
    ('https', 'quay.io', 443)
    >>> read_url(b"http://a.example:99999/")
    Traceback (most recent call last):
        ...
    regtools.errors.RegtoolsError: error: 'http://a.example:99999/' is not a usable address [bad-url]

    Raises:
        RegtoolsError: kind ``bad-url``: no port has that number, an open bracket, text that is not Unicode.
    """
    try:
        url = quote(text, safe=_KEPT)
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        return Address(url, parts.scheme, parts.hostname or "", port, parts.netloc.rpartition("@")[2])
    except ValueError:
        shown = read_text(text) if isinstance(text, bytes) else text
    raise pull_error("bad-url", f"{clipped(shown, 100)!r} is not a usable address")


def read_text(raw: bytes) -> str:
    """Return what a header line says: UTF-8, or ISO 8859-1 if it is not that."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_whole(text: str) -> int | None:
    """Read a whole number of at most 18 digits.

    >>> read_whole("206"), read_whole("-1"), read_whole("9" * 5000)
    (206, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_WHOLE else None


def read_seconds(value: object) -> float | None:
    """Read a number of seconds, at most 1e9; negative ones as 0; None for anything but a number.

    >>> read_seconds(300), read_seconds(10**400), read_seconds("soon"), read_seconds(float("nan"))
    (300.0, 1000000000.0, None, None)
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return LONGEST_S
    except (TypeError, ValueError):
        return None
    return min(max(number, 0.0), LONGEST_S) if number == number else None  # NaN is not itself


def read_date(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110, section 5.6.7); None for anything else."""
    for form in _DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def read_ip(host: str) -> IPv4Address | IPv6Address | None:
    """Read an IP address; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_local(host: str) -> bool:
    """Return whether a host is this machine: ``localhost`` or a loopback address."""
    address = read_ip(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def pull_error(kind: str, message: str, hint: str | None = None, *, file: object = None) -> RegtoolsError:
    """Return an error of the stage ``pull``; ``file`` is the file or the program at fault."""
    where = None if file is None else Place(str(file))
    return RegtoolsError(message, kind=kind, stage="pull", where=where, hint=hint)


def exhausted(error: Exception) -> str | None:
    """Return which resource of this process an error is due to; None if it is not.

    libcurl and the operating system say "out of memory", "could not connect" or nothing at all where no more
    files may be opened, so the open files are counted.
    """
    kind = error.kind if isinstance(error, RegtoolsError) else "unforeseen"
    if kind in ("connect", "credentials", "dns", "resources", "unforeseen"):
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            crowded = len(os.listdir("/dev/fd")) + SPARE_FILES >= most  # noqa: PTH208 - a count
        except OSError:
            crowded = True  # listing them needs one more
        if crowded:
            return f"this process may open no more files than {most} (see ulimit -n)"
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        return "this process may start no more threads (see ulimit -u and ulimit -v)"
    memory = kind == "resources" or isinstance(error, MemoryError)
    return "this process has no memory left (see ulimit -v)" if memory else None


class Secret:
    """A password, a token, or a header that holds one. Only the code that sends it calls :meth:`reveal`.

    It does not show in a repr, nor in a traceback that prints variables.

    >>> Secret("s3cr3t")
    Secret(…)
    >>> f"{Secret('s3cr3t')}"
    'Secret(…)'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")


def clipped(text: str, most: int) -> str:
    """Return the first ``most`` characters; "…" marks the cut, so that a :class:`Censor` recognises it."""
    return text if len(text) <= most else f"{text[:most]}…"


class Censor:
    """Removes secrets from text that others have written: servers, libcurl, podman.

    A secret is found as it is, percent-encoded, escaped and in base64, with or without padding; and its
    beginning where a text was clipped.

    >>> censor = Censor(Secret("Basic YW5uOnBhL3Nz"), Secret("pa/ss"))
    >>> censor("you are YW5uOnBhL3Nz, with pa%2Fss and pa/s…")
    'you are …, with … and …'
    """

    __slots__ = ("_words",)

    def __init__(self, *secrets: Secret | None) -> None:
        self._words: tuple[Secret, ...] = ()
        self.hide(*secrets)

    def hide(self, *secrets: Secret | None) -> None:
        """Remove these secrets, too, and the headers that hold them."""
        texts = {
            each.reveal().removeprefix("Basic ").removeprefix("Bearer ")
            for each in secrets
            if each is not None
        }
        found = {Secret(word) for text in texts for word in _spellings(text) if len(word) >= SHORTEST_SECRET}
        longest_first = sorted({*self._words, *found}, key=lambda word: -len(word.reveal()))
        self._words = tuple(longest_first)

    def __call__(self, text: str) -> str:
        """Return the text with "…" in place of each secret."""
        for word in self._words:
            text = text.replace(word.reveal(), "…")
        for word in self._words if "…" in text else ():
            for length in range(len(word.reveal()) - 1, SHORTEST_SECRET - 1, -1):
                text = text.replace(f"{word.reveal()[:length]}…", "…")
        return text


def _spellings(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    packed = b2a_base64(raw, newline=False).decode().rstrip("=")
    return {
        *(secret, secret.rstrip("="), visible(secret), repr(secret)[1:-1]),
        *(quote(raw, safe=""), quote(raw), quote_plus(raw)),
        *(packed, packed.replace("+", "-").replace("/", "_")),
    }
