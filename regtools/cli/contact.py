"""How ``explain`` speaks of places on the wire: host, transport, login and certificates of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtools.reference import physical_host
from regtools.registries.reading.credentials import certificates, credentials

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import Any

    from regtools.registries.reading.credentials import Certificates, Credentials, Step
    from regtools.registries.resolution import Candidate, Resolution, Source
    from regtools.registries.settings import Settings

__all__ = ["access", "contact", "looked_in", "wrapped"]

WIDTH = 100


def contact(options: Namespace, conf: Settings, candidate: Candidate, source: Source) -> Iterator[str]:
    """Say how one place is contacted, and where a login and certificates for it would come from."""
    domain = source.reference.partition("/")[0]
    host = physical_host(domain)
    if source.blocked:
        yield from wrapped(f"{source.reference}: blocked, never contacted", "  ", "    ")
        return
    how = "HTTPS unverified, then plain HTTP (insecure = true)" if source.insecure else "HTTPS only"
    named = f" (the host behind {domain})" if host != domain else ""
    yield from wrapped(f"{source.reference}: {host}{named}, {how}", "  ", "    ")
    logins, certs = access(options, conf.podman, conf.credential_helpers, source.reference)
    yield from wrapped(f"login: {_login(logins)}", "    ", "      ")
    if domain != candidate.name.partition("/")[0]:
        text = f"--creds is not used here, since {domain} is another host than the name's"
        yield from wrapped(text, "    ", "      ")
    yield from wrapped(f"certificates: {_certificates(certs)}", "    ", "      ")


def access(
    options: Namespace, podman: str, helpers: tuple[str, ...], reference: str
) -> tuple[Credentials, Certificates]:
    """Look up login and certificates for one place."""
    around: dict[str, Any] = {"root": options.root or "/", "uid": options.uid}
    return credentials(reference, helpers=helpers, podman=podman, **around), certificates(reference, **around)


def _login(logins: Credentials) -> str:
    found = logins.found
    parts = [f"{step.where} cannot be used: {step.problem}" for step in logins.steps if step.problem]
    parts += [
        f"the entry {step.key} of {step.where} holds no login"
        for step in logins.steps
        if step.outcome == "empty-entry"
    ]
    keys = f"searched as {', '.join(logins.keys)}"
    if found is not None:
        return "; ".join([*parts, _found(found), keys])
    return "; ".join([*parts, "none found", keys, f"to add one: podman login {logins.registry}"])


def _found(step: Step) -> str:
    if step.helper is None:
        return f"there is one in {step.where}, under {step.key}"
    place = "" if step.helper == step.where else f" (credHelpers in {step.where})"
    return f"the program {step.helper} is asked for {step.key}{place}"


def _certificates(certs: Certificates) -> str:
    if certs.directory is None:
        return f"the system's authorities only; there is no directory certs.d/{certs.host}"
    parts = [f"{len(certs.authorities)} *.crt ({', '.join(certs.authorities)})"] if certs.authorities else []
    parts += [f"client {', '.join(certs.clients)}"] if certs.clients else []
    return "; ".join([f"{certs.directory}: {', '.join(parts) or 'nothing usable in it'}", *certs.problems])


def looked_in(options: Namespace, res: Resolution) -> Iterator[str]:
    """Name the files and directories once: they are the same for every place."""
    conf = res.conf
    logins, certs = access(options, conf.podman, conf.credential_helpers, res.sources[0].reference)
    steps = [step.where + (" (not there)" if step.outcome == "missing" else "") for step in logins.steps]
    named = [f" ({step.named_by} names it)" if step.named_by else "" for step in logins.steps]
    asked = ", ".join(step + name for step, name in zip(steps, named, strict=True))
    yield from wrapped(f"logins are searched in {asked}", "  ", "    ")
    folders = ", ".join(path.rpartition("/")[0] for path in certs.searched)
    yield from wrapped(f"certificates are searched in {folders}", "  ", "    ")


def wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    """Break a text into lines of at most 100 columns, between words; control characters as escapes."""
    from textwrap import wrap

    from regtools.display import visible

    rest = first if rest is None else rest
    return wrap(
        visible(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first]
