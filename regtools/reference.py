"""Image names: one grammar, one value, and what podman makes of the argument of ``podman pull``.

The grammar is that of the distribution project (``distribution/reference``), the one podman follows::

    reference  = name [ ":" tag ] [ "@" digest ]
    name       = [ domain "/" ] component *( "/" component )
    domain     = label *( "." label ) [ ":" 1*DIGIT ]
    label      = alnum [ *( alnum / "-" ) alnum ]            ; either case, no "_"
    component  = 1*lower *( separator 1*lower )              ; lower = a-z 0-9
    separator  = "." / "_" / "__" / 1*"-"
    tag        = ( alnum / "_" ) *127( alnum / "_" / "." / "-" )
    digest     = algorithm ":" 32*hex                        ; then length and case by algorithm
    algorithm  = word *( ( "+" / "." / "-" / "_" ) word )    ; word = letter *( letter / digit )

ASCII only, whole string, name at most 255 bytes. The part before the first slash is a domain only if it
contains ``.`` or ``:`` or is ``localhost``; every other name is *short*, and the configuration decides what
it means.

Docker Hub has three names. ``docker.io`` is the one in references, ``index.docker.io`` an old one that is
rewritten to it, and ``registry-1.docker.io`` the host that is contacted. Only on Docker Hub may ``library/``
be left out.
"""

from __future__ import annotations

import re

from regtools.errors import RegtoolsError
from regtools.values import TYPE_CHECKING, Frozen

if TYPE_CHECKING:
    from typing import Any

LONGEST_NAME = 255
LONGEST_SHORT = LONGEST_NAME - len("docker.io/library/")  # any path up to this fits Docker Hub's rules
HUB, HUB_OLD, HUB_HOST = "docker.io", "index.docker.io", "registry-1.docker.io"
DIGEST_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
OTHER_TRANSPORTS = frozenset(
    {"dir", "oci", "oci-archive", "docker-archive", "docker-daemon", "containers-storage"}
    | {"sif", "tarball", "atomic", "ostree"}
)
_DOCKER = "docker://"

# Possessive repeats: no name, however long or odd, makes the match try again.
_DOMAIN = r"[A-Za-z0-9]++(?:(?:\.|-++)[A-Za-z0-9]++)*+(?::[0-9]++)?+"
_PATH = r"[a-z0-9]++(?:(?:[./]|__?|-++)[a-z0-9]++)*+"  # components; each of them begins and ends as the whole
_COMPONENT = _PATH.replace("/", "")
_WORD = r"[A-Za-z][A-Za-z0-9]*+"
GRAMMAR = re.compile(
    rf"(?P<name>(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH}))"
    r"(?P<suffix>(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}+))?"
    rf"(?:@(?P<digest>{_WORD}(?:[-_+.]{_WORD})*+:[0-9A-Fa-f]{{32,}}+))?)"
).fullmatch
"""Match a whole reference; groups ``name domain path suffix tag digest``. Checks no length, no digest."""
_PAGE = (  # compiled when a name is wrong
    rf"(?:https?://)?(?:hub\.docker\.com/(?:r/(?P<hub>{_COMPONENT}/{_COMPONENT})|_/(?P<official>{_COMPONENT}))"
    rf"|quay\.io/repository/(?P<quay>{_COMPONENT}(?:/{_COMPONENT})++))(?:/?|[/?#].*+)"
)


def is_host(text: str) -> bool:
    """Return whether ``text`` is a host with an optional port, as in a search list.

    >>> is_host("quay.io"), is_host("localhost:5000"), is_host("quay.io/team"), is_host("[::1]:5000")
    (True, True, False, False)
    """
    return re.fullmatch(_DOMAIN, text) is not None


def is_digest(text: str) -> bool:
    """Return whether ``text`` is a digest that can be verified (image specification, "Digests")."""
    algorithm, _, digits = text.partition(":")
    return len(digits) == DIGEST_DIGITS.get(algorithm) and not digits.strip("0123456789abcdef")


def physical_host(domain: str) -> str:
    """Return the host that is contacted for a domain: the domain itself, except for Docker Hub."""
    return HUB_HOST if domain == HUB else domain


def is_qualified(domain: str | None) -> bool:
    """Return whether the text before the first slash names a registry."""
    return domain is not None and ("." in domain or ":" in domain or domain == "localhost")


def split(text: str) -> tuple[str | None, str, str | None, str | None]:
    """Split a reference by the grammar alone: domain, path, tag, digest.

    The domain is what matches the grammar's ``domain``, even if it does not name a registry (``team/app``).

    Raises:
        RegtoolsError: stage ``parse``; kind ``empty-name``, ``uppercase-name``, ``name-too-long``,
            ``digest-length``, ``digest-format``, ``digest-algorithm`` or ``invalid-reference``.
    """
    match = GRAMMAR(text)
    if match is None:
        raise _no_reference(text)
    if len(text) > LONGEST_NAME and len(match["name"]) > LONGEST_NAME:
        raise _too_long(match["name"])
    domain, path, tag, digest = match.group("domain", "path", "tag", "digest")
    if digest:
        _check_digest(digest)
    return domain, path, tag, digest


class Reference(Frozen):
    """An image name in its parts: ``[domain/]path[:tag][@digest]``.

    ``domain`` is None for a short name; ``path`` is then the whole name as typed. Parts that :meth:`parse`
    would not return are refused with the errors of :meth:`parse`.

    >>> Reference.parse("quay.io/team/app:1.2")
    Reference(domain='quay.io', path='team/app', tag='1.2', digest=None)
    >>> Reference.parse("team/app").is_short
    True
    >>> str(Reference.parse("nginx").normalized())
    'docker.io/library/nginx:latest'
    """

    __slots__ = __match_args__ = ("domain", "path", "tag", "digest")
    domain: str | None
    path: str
    tag: str | None
    digest: str | None

    def __init__(
        self, domain: str | None, path: str, tag: str | None = None, digest: str | None = None
    ) -> None:
        self._set(domain, path, tag, digest)
        if _parts(f"{self.name}{self.suffix}") != (domain, path, tag, digest):
            raise _error("invalid-reference", f"not the parts of an image name: {_shown(repr(self))}")

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read an image name such as ``nginx``, ``quay.io/team/app:1`` or ``app@sha256:…``.

        :meth:`PullName.parse` reads what a command's argument may be beyond that: a transport
        (``docker://``, ``oci:``) or an image ID.

        Args:
            text: the name, without blanks around it.

        Returns:
            The reference exactly as written: ``str()`` gives ``text`` back.

        Raises:
            RegtoolsError: stage ``parse``; kind as in :func:`split`, or ``hex-id`` for 64 hexadecimal
                digits, which podman reads as an image ID.

        Source: distribution/reference, ``ParseNormalizedNamed``; containers-registries.conf(5) for "short".
        """
        return made(*_parts(_want_text(text)))

    @property
    def is_short(self) -> bool:
        """Whether the name has no registry, so that the configuration decides which one."""
        return self.domain is None

    @property
    def name(self) -> str:
        """Domain and path, without tag and digest."""
        return self.path if self.domain is None else f"{self.domain}/{self.path}"

    @property
    def suffix(self) -> str:
        """Tag and digest with their separators; empty if there is neither."""
        tag = "" if self.tag is None else f":{self.tag}"
        return tag if self.digest is None else f"{tag}@{self.digest}"

    @property
    def familiar(self) -> str:
        """The shortest form with the same normal form: ``nginx`` for ``docker.io/library/nginx``."""
        if self.domain not in (HUB, HUB_OLD):
            return str(self)
        rest = self.path.removeprefix("library/")
        path = rest if "/" not in rest else self.path
        # `docker.io/a.b/c` must keep its domain: `a.b/c` would name the host a.b.
        first, slash, _ = path.partition("/")
        if slash and is_qualified(first):
            return f"{HUB}/{path}{self.suffix}"
        return path + self.suffix

    @property
    def canonical(self) -> str:
        """The full form: registry, whole path, and a tag or a digest."""
        return str(self.normalized())

    @property
    def host(self) -> str:
        """The host that is contacted; Docker Hub's for a short name."""
        return physical_host(self.normalized().domain or HUB)

    def normalized(self) -> Reference:
        """Apply Docker Hub's rules and the default tag.

        A short name becomes a name on Docker Hub, as Docker reads it; :meth:`RegistriesConf.resolve` returns
        what podman reads. A reference with a digest gets no ``:latest``.
        """
        domain, path = self.domain, self.path
        if domain is None or domain == HUB_OLD:
            domain = HUB
        if domain == HUB and "/" not in path:
            path = f"library/{path}"
        tag = "latest" if self.tag is None and self.digest is None else self.tag
        return made(domain, path, tag, self.digest)

    def __str__(self) -> str:
        return self.name + self.suffix


def made(domain: str | None, path: str, tag: str | None, digest: str | None) -> Reference:
    """Return the reference of parts known to be valid; checking each again would be most of resolving."""
    reference: Reference = _new(Reference)
    _set_domain(reference, domain)
    _set_path(reference, path)
    _set_tag(reference, tag)
    _set_digest(reference, digest)
    return reference


# What a frozen value is filled with; twice as fast as object.__setattr__.
_new = object.__new__
_set_domain, _set_path, _set_tag, _set_digest = (
    vars(Reference)[each].__set__ for each in Reference.__slots__
)


class PullName(Frozen):
    """What ``podman pull`` makes of its argument before it reads any configuration.

    Attributes:
        typed: the argument.
        reference: the name to resolve; never with both tag and digest.
        docker: whether the argument begins with ``docker://``, which switches short names off.
        dropped_tag: the tag that podman ignores because there is a digest, or None.
    """

    __slots__ = __match_args__ = ("typed", "reference", "docker", "dropped_tag")
    typed: str
    reference: Reference
    docker: bool
    dropped_tag: str | None

    def __init__(
        self, typed: str, reference: Reference, docker: bool = False, dropped_tag: str | None = None
    ) -> None:
        if reference.digest is None:
            if dropped_tag is not None:
                raise _error("invalid-reference", f"{reference} has no digest that replaces :{dropped_tag}")
        elif reference.tag is not None:
            raise _error("tag-and-digest", f"{reference} has a tag and a digest", "leave one out")
        _set_typed(self, typed)
        _set_reference(self, reference)
        _set_docker(self, docker)
        _set_dropped_tag(self, dropped_tag)

    @classmethod
    def parse(cls, text: str | Reference) -> PullName:
        """Read an argument of ``podman pull``.

        >>> PullName.parse("docker://nginx").docker
        True

        Raises:
            RegtoolsError: as :meth:`Reference.parse`; or kind ``other-transport`` for ``oci:…`` and others,
                ``local-image-id`` for what podman looks up among local images only, ``tag-and-digest``
                for both after ``docker://``.
        """
        if not isinstance(text, str):
            text = _want_text(text)
        docker = text.startswith(_DOCKER)
        if not docker:
            _refuse_other_kinds(text)
        if text == _DOCKER:
            hint = f"write an image name after it, such as {_DOCKER}docker.io/library/nginx"
            raise _error("invalid-reference", f"there is no image name after {_DOCKER}", hint)
        domain, path, tag, digest = _parts(text.removeprefix(_DOCKER) if docker else text)
        if tag is None or digest is None:
            return cls(text, made(domain, path, tag, digest), docker)
        if docker:
            message = f"{text} has a tag and a digest, which docker:// does not take together"
            raise _error("tag-and-digest", message, f"leave out :{tag}")
        return cls(text, made(domain, path, None, digest), dropped_tag=tag)


_set_typed, _set_reference, _set_docker, _set_dropped_tag = (
    vars(PullName)[each].__set__ for each in PullName.__slots__
)


def _refuse_other_kinds(text: str) -> None:
    """Raise if the argument cannot name an image in a registry."""
    transport, colon, _ = text.partition(":")
    if colon and transport in OTHER_TRANSPORTS:
        message = f"{_shown(text)} uses the transport {transport!r}, which is not an image in a registry"
        hint = f"for an image called {transport}, write docker.io/library/{transport}:TAG"
        raise _error("other-transport", message, hint)
    # Any characters: podman looks only at the length and at what is absent.
    if text.startswith("sha256:") or (len(text) == 64 and not any(sign in text for sign in "/.:@")):
        message = f"podman reads {_shown(text)} as the ID of a local image and asks no registry"
        hint = "write the image's name; to pull by digest, write NAME@sha256:…"
        raise _error("local-image-id", message, hint)


def _check_digest(digest: str) -> None:
    algorithm, _, digits = digest.partition(":")
    if algorithm.lower() != algorithm:
        raise _error("digest-format", f"the digest's algorithm {algorithm} must be lower case")
    if algorithm not in DIGEST_DIGITS:
        known = ", ".join(DIGEST_DIGITS)
        raise _error("digest-algorithm", f"the digest's algorithm {algorithm} is not one of {known}")
    if len(digits) != DIGEST_DIGITS[algorithm]:
        message = f"a {algorithm} digest has {DIGEST_DIGITS[algorithm]} digits, this one has {len(digits)}"
        raise _error("digest-length", message, "copy the whole digest")
    if digits.lower() != digits:
        raise _error("digest-format", "a digest's digits must be lower case", f"write {digest.lower()}")


def _parts(text: str) -> tuple[str | None, str, str | None, str | None]:
    """Split a name as podman does: a domain only where it names a registry."""
    if len(text) == 64 and is_digest(f"sha256:{text}"):
        hint = "add a tag or a namespace if it is a name"
        raise _error("hex-id", f"{text} is an image ID, not a name", hint)
    domain, path, tag, digest = split(text)
    if domain is not None and not is_qualified(domain):
        if domain.lower() != domain:
            raise _uppercase(text)
        domain, path = None, f"{domain}/{path}"
    if len(path) > LONGEST_SHORT and domain in (None, HUB, HUB_OLD):
        full = f"{HUB}/{path}" if "/" in path else f"{HUB}/library/{path}"
        if len(full) > LONGEST_NAME:
            raise _too_long(full)
    return domain, path, tag, digest


def _want_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (Reference, PullName)):
        return str(value) if isinstance(value, Reference) else value.typed
    raise _error("invalid-reference", f"an image name is a text, not {type(value).__name__}")


def _no_reference(text: str) -> RegtoolsError:
    if not text:
        return _error("empty-name", "the image name is empty")
    if GRAMMAR(text.lower()):
        return _uppercase(text)
    return _error("invalid-reference", f"{_shown(text)} is not an image name", _advice(text))


def _advice(text: str) -> str | None:
    """Return what to change in a name that is not one."""
    if page := re.fullmatch(_PAGE, text):
        domain, path = (
            ("quay.io", page["quay"]) if page["quay"] else (HUB, page["hub"] or f"library/{page['official']}")
        )
        return f"this is the address of a web page; the image is {domain}/{path}"
    if "://" in text:
        return f"leave out {text.partition('://')[0]}:// (image names have no scheme)"
    if text != text.strip():
        return "remove the blanks around it"
    if any(map(str.isspace, text)):
        return "write the name alone: it has no blanks"
    if "[" in text:
        return "image names cannot contain IPv6 addresses; use a host name"
    if not text.isascii():
        return "it may hold only ASCII letters, digits and . _ - / : @"
    name, slash, last = text.rpartition("/")
    repository, _, tag = last.partition("@")[0].partition(":")
    if len(tag) > 128:
        return f"a tag has at most 128 characters, this one has {len(tag)}"
    if not last or (slash and not name) or "//" in text:
        return "every part between slashes needs at least one letter or digit"
    if not repository:
        return "the name before the colon is missing"
    if last.endswith(":"):
        return "write a tag after the colon, or leave the colon out"
    return "the form is [HOST[:PORT]/]PATH[:TAG][@DIGEST]"


def _uppercase(text: str) -> RegtoolsError:
    path = text.lower() if "/" not in text else f"{text.partition('/')[0]}/{text.partition('/')[2].lower()}"
    if not is_qualified(text.partition("/")[0]):
        path = text.lower()
    return _error("uppercase-name", f"{_shown(text)} has upper case letters in its path", f"write {path}")


def _too_long(name: str) -> RegtoolsError:
    message = f"the name has {len(name)} characters, {LONGEST_NAME} are allowed: {_shown(name)}"
    return _error("name-too-long", message)


def _shown(text: str) -> str:
    """Return a name for a message: unprintable characters as escapes, the middle of a long one cut out."""
    quoted = repr(text) if len(text) <= 400 else f"{text[:200]!r}…{text[-20:]!r}"
    return quoted if not text.isprintable() or text != text.strip() or not text else quoted[1:-1]


def _error(kind: str, message: str, hint: str | None = None) -> RegtoolsError:
    return RegtoolsError(message, kind=kind, stage="parse", hint=hint)


# Registries whose names are mistyped often enough to look for it.
WELL_KNOWN = (
    "docker.io",
    "quay.io",
    "gcr.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "registry.k8s.io",
    "registry.access.redhat.com",
    "registry.redhat.io",
    "registry.fedoraproject.org",
    "registry.gitlab.com",
)
