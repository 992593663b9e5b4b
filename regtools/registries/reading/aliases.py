"""Aliases: what is allowed on either side of one, in a configuration and in podman's own file of answers.

Source: containers-registries.conf(5), "Short-name aliasing".
"""

from __future__ import annotations

from collections.abc import Iterator

from regtools.errors import RegtoolsError
from regtools.reference import Reference, is_qualified, split

from .schema import Problem


def check_aliases(aliases: dict[str, str], targets: dict[str, str]) -> Iterator[Problem]:
    """Yield one problem for all bad aliases together; put the good ones' targets into ``targets``."""
    faults: list[tuple[str, str, str | None]] = []
    for name, value in aliases.items():
        if fault := _bad_name(name):
            faults.append((name, f"{name!r} {fault}", None))
            continue
        try:
            targets[name] = _target(value)
        except RegtoolsError as error:
            faults.append((name, f"{name!r} = {value!r}: {error.message}", error.hint))
    if faults:
        count = f"{len(faults)} bad aliases: " if len(faults) > 1 else "bad alias "
        message = count + "; ".join(fault for _, fault, _ in faults)
        yield Problem("bad-alias", message, ("aliases", faults[0][0]), faults[0][2], at_key=True)


def _bad_name(name: str) -> str | None:
    try:
        domain, _, tag, digest = split(name)
    except RegtoolsError as error:
        return f"is not a short name: {error.message}"
    if tag is not None or digest is not None:
        return "has a tag or digest, which an alias is without"
    return "names a registry, and so is not a short name" if is_qualified(domain) else None


def _target(value: str) -> str:
    """Return the repository that an alias means; raise an error with words and hint if it means none."""
    if not value:
        return ""
    domain, path, tag, digest = split(value)
    if tag is not None or digest is not None:
        bare = value.partition("@")[0].removesuffix(f":{tag}")
        raise _bad_target("the target has a tag or digest, which must be left out", f'write "{bare}"')
    if not is_qualified(domain):
        raise _bad_target("the target does not name a registry", f'for instance "docker.io/{value}"')
    return Reference(domain, path).normalized().name


def _bad_target(message: str, hint: str) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-alias", stage="load", hint=hint)
