"""Write the cure for a source that failed: the command, the line or the directory that concerns this source.

What each kind of failure means in general is in :mod:`.failures`; a hint names what only this pull knows.
"""

from __future__ import annotations

from regtools.registries.entries import PRIMARY
from regtools.registries.reading.credentials import certificates
from regtools.registries.resolution import Source

from .http.logins import Login

# What a mirror fails of by itself, whatever this machine is configured to do.
_ITS_FAULT = ("connect", "digest-mismatch", "dns", "size-mismatch", "timeout")


def hint_for(kind: str, source: Source) -> str | None:
    """Return the cure for a source that failed, where its configuration decides; None where it does not."""
    if kind in _ITS_FAULT and source.entry is not None and source.mirror != PRIMARY:
        where = source.conf.place(source.entry.prefix, "mirror", source.mirror, "location")
        return f"repair this mirror, or delete its table at {where}"
    if kind == "http-404":
        return _digest_hint(source)
    if kind == "http-429":
        return f"podman login {source.parsed.domain} (a login has a higher limit of its own), or add a mirror"
    if kind == "certificate" and not source.insecure:
        looked = certificates(source.reference, source.conf.surroundings)
        return (
            f"put the authority's certificate into {looked.searched[0]}/ca.crt (where the registry asks for "
            "yours: NAME.cert and NAME.key beside it); one that has expired, or is for another name than "
            f"{looked.host}, only the registry can replace"
        )
    if kind in ("plain-http", "tls") and not source.insecure:
        once = "for one call: --plain-http, or --tls-verify=false"
        return f"if it speaks plain HTTP, {_permission(source)}; {once}"
    return None


def _permission(source: Source) -> str:
    """Return which line would allow http at a source, or which line to add."""
    entry, conf = source.entry, source.conf
    if entry is None:
        file = conf.main_file or "registries.conf"
        return f'add [[registry]], location = "{source.parsed.domain}" and insecure = true to {file}'
    table = () if source.mirror == PRIMARY else ("mirror", source.mirror)
    line = conf.place(entry.prefix, *table, "insecure")
    if line != conf.place(entry.prefix):
        return f"write insecure = true at {line}"
    return f"add insecure = true below {conf.place(entry.prefix, *table, 'location')}"


def login_hint(login: Login | None, host: str, *, accepted: bool) -> str:
    """Return the command that repairs a login that a registry refused, or that is missing.

    Args:
        login: what was sent; None for nothing.
        host: the registry.
        accepted: whether the registry took the login, but it may not pull this image.
    """
    if login is None:
        return f"if the image is not public: podman login {host}"
    if accepted:
        return f"ask the registry for access to this image, or log in as another user: podman login {host}"
    return f"{login.removal} removes it; podman login {host} makes a new one"


def public_hint(login: Login) -> str:
    """Return the cure for a login that makes the registry refuse an image that everybody may pull."""
    return f"the image is public, and the stale login alone fails it: {login.removal}"


def _digest_hint(source: Source) -> str | None:
    """Return why a digest may be missing where the image itself is not; None for a name without digest."""
    if source.parsed.digest is None or source.mirror == PRIMARY:
        return None
    origin = source.entry.location if source.entry else "the registry"
    return (
        f"a copy of one architecture has another digest than the index at {origin}: copy the image with "
        "skopeo copy --all --preserve-digests"
    )
