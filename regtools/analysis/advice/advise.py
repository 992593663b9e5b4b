"""``advise``: measured pulls and a configuration in, its mirrors in the order expected to be fastest out.

What is reordered are the mirrors of each ``[[registry]]`` entry that the measured images go through. Nothing
is added, nothing dropped, no flag changed: which places may be asked at all is not a question of speed. The
registry itself stays last, where podman asks it in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from .choice import SEED, choices, costs, counted, no_advice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd

    from regtools.pull.records import Pull
    from regtools.registries.conf import RegistriesConf

    from .vantages import Advice

__all__ = ["advise"]


@overload
def advise(
    pulls: pd.DataFrame | Iterable[Pull],
    conf: RegistriesConf,
    *,
    requests: pd.DataFrame | None = None,
    cache_state: str | None = None,
    by: None = None,
    seed: int = SEED,
) -> str: ...


@overload
def advise(
    pulls: pd.DataFrame | Iterable[Pull],
    conf: RegistriesConf,
    *,
    requests: pd.DataFrame | None = None,
    cache_state: str | None = None,
    by: str,
    seed: int = SEED,
) -> Advice: ...


def advise(
    pulls: pd.DataFrame | Iterable[Pull],
    conf: RegistriesConf,
    *,
    requests: pd.DataFrame | None = None,
    cache_state: str | None = None,
    by: str | None = None,
    seed: int = SEED,
) -> str | Advice:
    """Write a drop-in for ``registries.conf`` whose mirrors stand in the order with the least expected time.

    Args:
        pulls: the pulls frame of a campaign, or pulls: each mirror measured alone, as a place of its own, in
            at least ten rounds. Which place is which mirror: :mod:`regtools.analysis.advice.mirrors`.
        conf: the configuration in force.
        requests: the requests frame of the same journal; tells what failures cost.
        cache_state: ``cold`` or ``warm``; None for cold where both were measured.
        by: ``"vantage"`` for one file a vantage point, and the one that is best for all.
        seed: of the bootstrap.

    Returns: TOML text with the entries whose order changes, whole, and in comments when, from what and with
        which gain. As a drop-in it replaces those entries; everything else stays as it is. With ``by`` an
        :class:`~regtools.analysis.advice.vantages.Advice`.

    Raises:
        RegtoolsError: kind ``no-advice``: the measurements support no choice, and the message says why.
            Kind ``bad-table``: they are none.
    """
    given: Any = pulls if hasattr(pulls, "columns") else list(pulls)
    if by is not None:
        from .vantages import advise_each

        return advise_each(given, conf, requests=requests, cache_state=cache_state, by=by, seed=seed)
    table, state = counted(given, cache_state)
    vantages = sorted(set(map(str, table["vantage"])))
    if len(vantages) > 1:
        raise no_advice(
            [f"the pulls are of several vantage points ({', '.join(vantages)})"],
            'by="vantage" (regtools advise --by vantage) gives a file for each, and the best for all',
        )
    made, refused = choices(table, conf, costs(given, requests), seed=seed)
    if not made:
        raise no_advice(refused)
    from .choice import dropin

    return dropin(table, state, made, refused, conf)
