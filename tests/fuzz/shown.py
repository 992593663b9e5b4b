"""What holds for everything that is refused or shown: no control character for the terminal, valid JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection
from typing import Any

from regtools.errors import RegtoolsError


def tried(
    refusal: type[RegtoolsError],
    do: Callable[..., Any],
    *args: Any,
    kinds: Collection[str] = (),
    **options: Any,
) -> Any:
    """Return the result of a call, or the refusal, which is fit to be shown; any other exception is a finding.

    Args:
        refusal: class that the call may raise.
        do, args, options: the call.
        kinds: kinds that the refusal may have; none means any.
    """
    try:
        return do(*args, **options)
    except refusal as error:
        assert not kinds or error.kind in kinds, error
        shown(error)
        shown(error.render())
        as_json(error.to_dict())
        return error


def shown(value: object) -> None:
    """Fail if the text of a value holds what a terminal would act on."""
    text = str(value)
    wrong = {c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert not wrong, (wrong, text)


def as_json(value: object) -> None:
    """Fail if a value is not JSON that every program reads."""
    json.dumps(value, allow_nan=False).encode()
