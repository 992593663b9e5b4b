"""Where two podmans disagree about a name, in one line for each difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .config import RegistriesConf
    from .lookup import Ignored
    from .resolution import Resolution

__all__ = ["Outcome", "differences"]


class Outcome(NamedTuple):
    """What one release makes of a name.

    Attributes:
        podman: the release.
        conf: its configuration, or None where that cannot be loaded.
        result: the resolution, or the error instead of it.
        files_read, files_ignored: known also where the files cannot be used.
    """

    podman: str
    conf: RegistriesConf | None
    result: Resolution | RegtoolsError
    files_read: tuple[str, ...] = ()
    files_ignored: tuple[Ignored, ...] = ()

    @property
    def error(self) -> RegtoolsError | None:
        """The error, if that is the result."""
        return self.result if isinstance(self.result, RegtoolsError) else None

    @property
    def fails(self) -> bool:
        """Whether the name leads nowhere: an error, or no candidate with a source."""
        return isinstance(self.result, RegtoolsError) or not self.result.sources


def differences(mine: Outcome, others: Sequence[Outcome]) -> tuple[str, ...]:
    """Tell what other releases would do instead; empty where all agree."""
    return tuple(
        f"podman {other.podman} would instead {text}" for other in others for text in _between(mine, other)
    )


def _between(mine: Outcome, other: Outcome) -> Iterator[str]:
    if isinstance(other.result, RegtoolsError):
        error = other.result
        if mine.error is None or (mine.error.kind, mine.error.where) != (error.kind, error.where):
            place = f" ({error.where})" if error.where else ""
            yield f"stop: {error.message} [{error.kind}]{place}"
    elif isinstance(mine.result, RegtoolsError) or mine.result.to_dict() != other.result.to_dict():
        yield _pulls(other.result)
    if mine.files_read == other.files_read:
        return
    fewer = [file for file in mine.files_read if file not in other.files_read]
    more = [file for file in other.files_read if file not in mine.files_read]
    if fewer:
        yield f"not read {', '.join(fewer)}{_why(fewer, other)}"
    if more:
        yield f"read {', '.join(more)}{_why(more, mine, f' (podman {mine.podman}: ')}"
    if not fewer and not more:
        yield f"read the files in this order: {', '.join(other.files_read)}"


def _why(files: list[str], outcome: Outcome, opening: str = " (") -> str:
    """Give the reason that one release ignores a file; the first of several speaks for all."""
    why = next((ignored.why for ignored in outcome.files_ignored if ignored.path == files[0]), None)
    return f"{opening}{why})" if why else ""


def _pulls(res: Resolution) -> str:
    """Say in a line where a name leads."""
    parts = []
    for candidate in res.candidates:
        if candidate.failed:
            parts.append(f"nothing for {candidate.name} [{candidate.failed}]")
        for source in candidate.sources:
            marks = [word for word in ("insecure", "blocked") if getattr(source, word)]
            parts.append(source.reference + (f" ({', '.join(marks)})" if marks else ""))
    ask = "ask, then " if res.prompt else ""
    return f"{ask}pull from {', then '.join(parts)}"
