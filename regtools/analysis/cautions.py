"""What in the way it was measured stands against a verdict, or should be known when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .pairing import image_conflicts
from .verdicts import MIN_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from .pairing import Blocks

__all__ = ["Caution", "cautions"]

_BUSY = 0.2  # share of the host's CPU in other hands; less disturbs a pull less than the network does
_OFTEN = 0.1  # share of the pulls
_NAMED = 4  # examples in a message
_MANY_PAIRS = 10


class Caution(NamedTuple):
    """One thing to know before a verdict is believed. ``code`` is stable, ``text`` for people."""

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


def cautions(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    """Yield what stands against a verdict in one group of prepared pulls."""
    for look in (_rounds, _balance, _order, _load, _digests, _versions, _vantages, _images, _number):
        yield from look(table, blocks)


def _rounds(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    alone = int(table["round"].isna().sum())
    if alone == len(table):
        text = "the pulls belong to no rounds, so nothing can be paired: measure all places round by round"
        yield Caution("no-rounds", text)
        return
    if alone:
        yield Caution("no-rounds", f"{alone} of {len(table)} pulls belong to no round and are in no pair")
    if blocks.n_rounds < MIN_ROUNDS and len(blocks.places) > 1:
        have = f"{blocks.n_rounds} round{'' if blocks.n_rounds == 1 else 's'}"
        yield Caution("few-rounds", f"{have} measured, a verdict needs at least {MIN_ROUNDS}")
    if blocks.repeated:
        text = (
            f"{blocks.repeated} pulls repeat a place within a round; such pulls count as one, by their median"
        )
        yield Caution("repeated", text)


def _balance(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    there = ~np.isnan(blocks.times)
    whole = int(there.all(axis=1).sum())
    if len(blocks.places) > 1 and whole < len(there):
        counts = sorted(zip(there.sum(axis=0).tolist(), blocks.places, strict=True))
        fewest, most = counts[0], counts[-1]
        text = (
            f"unbalanced: only {whole} of {len(there)} rounds have every place "
            f"({fewest[1]} is in {fewest[0]}, {most[1]} in {most[0]}); "
            "medians of places compare unlike rounds, pairs do not"
        )
        yield Caution("unbalanced", text)


def _order(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    if blocks.n_rounds < 5 or len(blocks.places) < 2 or table["order"].isna().all():
        return
    fixed = table.groupby(["image", "place"], observed=True)["order"].nunique()
    if len(fixed) > 1 and (fixed == 1).all():
        yield Caution("not-shuffled", "every round had the same order, so a place may profit from its turn")


def _load(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    load = table["other_cpu"].dropna()
    busy = int((load > _BUSY).sum())
    if busy and busy > _OFTEN * len(load):
        text = f"other programs used over {_BUSY:.0%} of the machine's CPU in {busy} of {len(load)} pulls"
        yield Caution("other-load", text)


def _digests(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    known = table[table["ok"] & table["digest"].notna()]
    if known.empty:
        return
    kinds = known.groupby("image", observed=True)["digest"].nunique()
    for image in list(kinds.index[kinds > 1])[:_NAMED]:
        seen = (
            known[known["image"] == image]
            .groupby("place", observed=True)["digest"]
            .agg(lambda each: each.iloc[-1])
        )
        told = ", ".join(f"{place}: {str(digest)[:19]}" for place, digest in list(seen.items())[:_NAMED])
        text = f"{image or 'the image'} had {kinds[image]} digests ({told}): not the same bytes were pulled"
        yield Caution("digests-differ", text)


def _versions(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    for name, words in (("client_version", "versions of the client"), ("workers", "numbers of workers")):
        kinds = table[name].dropna().unique()
        if len(kinds) > 1:
            told = ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in kinds[:_NAMED])
            yield Caution("client-differs", f"{len(kinds)} {words} were used ({told})")


def _vantages(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    there = sorted(map(str, table["vantage"].unique()))
    if len(there) > 1:
        more = ", …" if len(there) > _NAMED else ""
        text = (
            f"{len(there)} vantage points are in one pot ({', '.join(there[:_NAMED])}{more}), and which "
            'place is fast depends on where one stands; compare(pulls, by="vantage") tells them apart'
        )
        yield Caution("vantages-pooled", text)


def _images(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    for one, other, here, there in image_conflicts(blocks):
        text = (
            f"it depends on the image: {one} is faster than {other} for {here} and slower for {there}; "
            'compare(pulls, by="image") tells them apart'
        )
        yield Caution("depends-on-image", text)


def _number(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    places = len(blocks.places)
    pairs = places * (places - 1) // 2
    if pairs >= _MANY_PAIRS and blocks.n_rounds >= MIN_ROUNDS:
        text = (
            f"{pairs} pairs were looked at, each with a 95 % interval: among equal places "
            f"about {pairs * 0.05:.1g} would seem to differ by chance"
        )
        yield Caution("many-pairs", text)
