"""What each kind of failure means, why it happens, what cures it, and what podman and skopeo make of it.

One table for all who report a failure: ``regtools time`` and ``bench``, the reports of journals, JupyterLab
and the documentation. What it says of the tools was measured with podman 4.3.1, 5.4.2 and 6.1.1 and the
skopeo beside each (``tests/faults/test_failures.py``). The cure that concerns one source, such as a line of a
file, is the ``hint`` of its :class:`~.records.Failure`.
"""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """One kind of failure.

    Attributes:
        means: what happened.
        because: the usual reason.
        cure: what to do about it.
        tools: what podman and skopeo do where the manifest, or the way to it, fails like this.
        see: where to read on.
    """

    means: str
    because: str
    cure: str
    tools: str
    see: str


# Measured; the tests compare the first three with what the real programs do.
LEAVES = "podman and skopeo ask the next source at once"
REPEATS = f"{LEAVES}; podman asks the last one four times within 4 s, skopeo once"
STOPS = "podman and skopeo fail at once and do not ask the next source"
_SAME = "podman and skopeo fail in the same way"
_UNKNOWN = "not measured"
_OURS = "this concerns regtools alone"

_REGISTRIES = "containers-registries.conf(5)"
_CERTS = "containers-certs.d(5)"
_AUTH = "containers-auth.json(5)"
_PULL = "04-what-a-pull-does.ipynb"
_NAMES = "05-image-names.ipynb"
_MIRRORS = "09-prefix-location-mirrors.ipynb"

_LOCATION = Cause(
    "registries.conf turns this name into one that podman cannot use",
    "the location holds a login, a scheme, blanks, a tag or capitals, names no host or makes too long a name",
    "correct the location: it is HOST[:PORT][/PATH]",
    STOPS, _REGISTRIES,
)  # fmt: skip

FAILURES = {
    # Connections
    "dns": Cause(
        "the name of the registry has no address",
        "a misspelt host, or a name server that is not reachable or does not know a name of your network",
        "check the host with: getent hosts HOST",
        LEAVES, _MIRRORS,
    ),
    "connect": Cause(
        "nothing listens at the registry's address, or no way leads there",
        "the registry is down, the port is wrong, or a firewall refuses",
        "start the registry or correct the port; take a mirror that is gone out of registries.conf",
        REPEATS, _MIRRORS,
    ),
    "timeout": Cause(
        "the registry does not answer, or sends next to nothing",
        "a firewall that drops packets, an IPv6 address without a route, or an overloaded server",
        "take such a mirror out of registries.conf: each pull waits for it; else check the way with: curl -v",
        f"{LEAVES}, but only after minutes where packets are dropped", _MIRRORS,
    ),
    "cut": Cause(
        "the connection ended in the middle of an answer",
        "a proxy or load balancer with a time limit, or an unsteady line",
        "try again; look into the log of the proxy or the registry",
        f"{REPEATS}; a layer is resumed where it was cut", _PULL,
    ),
    "bad-range": Cause(
        "the registry cannot resume a layer where it was cut",
        "its storage or a proxy does not support Range",
        "try again; prefer another source",
        _UNKNOWN, _PULL,
    ),
    "transport": Cause(
        "the answer is not HTTP",
        "another service uses this port",
        "correct the port of the location",
        LEAVES, _REGISTRIES,
    ),
    # TLS
    "plain-http": Cause(
        "the registry speaks plain HTTP where HTTPS is expected",
        "a registry without certificate, common on a private network",
        "allow HTTP for this source with insecure = true, better: give the registry a certificate",
        f"{LEAVES}; with insecure = true they try HTTPS first, then HTTP", _REGISTRIES,
    ),
    "tls": Cause(
        "HTTPS cannot be set up",
        "the registry speaks plain HTTP, or only versions of TLS that are out of use",
        "allow HTTP for this source with insecure = true, or renew the registry's TLS",
        f"{REPEATS}; with insecure = true they try HTTPS first, then HTTP", _REGISTRIES,
    ),
    "certificate": Cause(
        "the registry's certificate is not accepted, or it does not accept ours",
        "its authority is not known here, it has expired, or it is for another name",
        "put the authority's certificate into certs.d; have an expired or wrong one replaced",
        LEAVES, _CERTS,
    ),
    # Logins
    "http-401": Cause(
        "the registry wants a login that it accepts",
        "there is no login, or it is wrong or has expired; a wrong login fails public images, too",
        "podman logout HOST for a stale login, podman login HOST for a new one",
        REPEATS, _AUTH,
    ),
    "http-403": Cause(
        "the registry forbids this image to this login",
        "the login may not pull this repository, or the registry blocks this address or client",
        "ask for access, or log in as a user who has it",
        REPEATS, _AUTH,
    ),
    "auth": Cause(
        "the token service cannot be used",
        "it answers without a token, or has an address that no secret may be sent to",
        "it is the registry's fault: tell its operator; use another source meanwhile",
        LEAVES, _AUTH,
    ),
    "credentials": Cause(
        "the login cannot be looked up, so that no request was sent",
        "an auth file that is broken or not readable, or a credential helper that is not installed",
        "repair the file, install the helper, or remove its line; public images fail, too",
        "podman and skopeo refuse the source before any request, in the same way", _AUTH,
    ),
    # Answers
    "http-404": Cause(
        "the source does not have this image",
        "another name or tag, a mirror without it, or a private image that is hidden from you",
        "check name and tag; a mirror may lack it if another source delivers",
        REPEATS, _NAMES,
    ),
    "nowhere": Cause(
        "no source has this image",
        "the name or the tag is misspelt, or the image is private and there is no login",
        "check name and tag; the sources themselves work",
        REPEATS, _NAMES,
    ),
    "http-429": Cause(
        "the registry's limit of requests or pulls is reached",
        "many pulls from this address; limits without login are low",
        "wait as long as Retry-After says, log in, or pull through a cache of your own",
        "podman and skopeo ask five times, by Retry-After or within 30 s, then the next source",
        "11-local-mirror-cache.ipynb",
    ),
    "http-4xx": Cause(
        "the registry refuses the request",
        "it does not understand the request, or a proxy in between refuses it",
        "read its message above; check host and path of the location",
        REPEATS, _REGISTRIES,
    ),
    "http-5xx": Cause(
        "the registry is broken at the moment",
        "it is overloaded, restarts, or cannot reach its own storage or origin",
        "try again later; look into its log if it is yours",
        LEAVES, _MIRRORS,
    ),
    "not-a-registry": Cause(
        "a web page answers, not a registry",
        "the address of a web site, a login page of the network, or a proxy's error page",
        "write the registry's host, as podman pull takes it: docker.io, not hub.docker.com",
        f"{STOPS}; if the page has an error status, they do", _REGISTRIES,
    ),
    "redirect-loop": Cause(
        "the source redirects again and again",
        "a wrong address in the registry or in a proxy before it",
        "tell its operator; use another source meanwhile",
        f"{LEAVES}, after ten redirects; for a layer they fail", _PULL,
    ),
    "redirect-refused": Cause(
        "the source redirects to a place that must not be followed",
        "from HTTPS to HTTP, or with a secret to another host",
        "tell its operator: the storage needs an https address",
        _UNKNOWN, _PULL,
    ),
    "bad-url": Cause(
        "an address makes no sense, or must not be asked",
        "a misspelt location or proxy, or a layer that names an address of its own",
        "correct the location, or HTTP_PROXY and HTTPS_PROXY",
        "podman 4.3 asks the registry for a layer with its own address; 5.4 and 6.1 fail", _REGISTRIES,
    ),
    # What was delivered
    "digest-mismatch": Cause(
        "other bytes arrived than those asked for",
        "a broken cache or storage, or a proxy that changes them",
        "empty the cache, or take the mirror out; never ignore it",
        f"{STOPS}; of a tag they take any manifest", _PULL,
    ),
    "size-mismatch": Cause(
        "the layer is longer or shorter than its manifest says",
        "a broken cache or storage, or a proxy that changes it",
        "empty the cache, or take the mirror out; never ignore it",
        STOPS, _PULL,
    ),
    "too-large": Cause(
        "a manifest, a configuration or a header is larger than 4 MiB",
        "the name belongs to something else than an image",
        "check the name",
        LEAVES, _PULL,
    ),
    "bad-manifest": Cause(
        "the manifest makes no sense",
        "a registry or a tool that wrote it wrongly",
        "push the image again",
        STOPS, _PULL,
    ),
    "unsupported-manifest": Cause(
        "the manifest has a form that is out of use, or that regtools does not know",
        "an image of 2016 or earlier, or an artifact other than an image",
        "push the image again with a current tool",
        STOPS, _PULL,
    ),
    "no-platform": Cause(
        "the image does not exist for this platform",
        "its index has other architectures only",
        "choose one of those with --platform",
        STOPS, _PULL,
    ),
    # This machine
    "blocked": Cause(
        "the configuration forbids this source",
        "blocked = true in registries.conf",
        "remove the line if the source should be used; regtools explain IMAGE names it",
        f"{LEAVES}, without a request", _REGISTRIES,
    ),
    "no-candidates": Cause(
        "the name leads to no source",
        "a short name without alias and without search list",
        "write the full name, such as docker.io/library/nginx",
        "podman fails in the same way; skopeo takes full names only", "08-short-names.ipynb",
    ),
    **dict.fromkeys(("invalid-reference", "uppercase-name", "name-too-long", "not-canonical"), _LOCATION),
    "disk": Cause(
        "the image cannot be stored",
        "the disk or the quota is full",
        "make room, or choose another folder",
        _SAME, _PULL,
    ),
    "file-unwritable": Cause(
        "a file cannot be written",
        "the folder belongs to another user, or is read-only",
        "choose a folder of your own",
        _SAME, _PULL,
    ),
    "file-unreadable": Cause(
        "a file cannot be read",
        "it belongs to another user",
        "give yourself the right to read it",
        _SAME, _CERTS,
    ),
    "resources": Cause(
        "this process has no more memory, threads or open files",
        "limits of the shell or of the container",
        "raise the limit that the message names; fewer --workers need less",
        _OURS, _PULL,
    ),
    "cancelled": Cause(
        "the pull was stopped",
        "Ctrl-C, or a campaign that ended",
        "start it again",
        _OURS, _PULL,
    ),
    "engine": Cause(
        "the program failed with a message that regtools does not know",
        "see its message above",
        "run the program by itself, with --log-level=debug",
        "the message is from podman or skopeo", _PULL,
    ),
    "unforeseen": Cause(
        "regtools cannot handle what the source sent",
        "a fault in regtools",
        "report it, with the failure's cause",
        _OURS, _PULL,
    ),
}  # fmt: skip


def cause_of(kind: str) -> Cause:
    """Return the row for a kind of failure; the rest of HTTP's statuses have one for 4xx and one for 5xx.

    >>> cause_of("http-502").means
    'the registry is broken at the moment'
    """
    family = f"{kind[:6]}xx" if kind.startswith("http-") else "unforeseen"
    return FAILURES.get(kind) or FAILURES.get(family) or FAILURES["unforeseen"]
