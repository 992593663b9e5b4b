"""Reasons to doubt a verdict: what about the measurements a reader should know before believing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regtools.display import seconds, visible
from regtools.pull.failures import cause_of
from regtools.pull.records import CLIENT_LIMIT

from .pairing import MIN_ROUNDS, Blocks, image_conflicts, named, plural

_BUSY = 0.2  # share of the host's CPU that others use; less disturbs a pull less than the network does
_OFTEN = 0.1  # share of the pulls
_NAMED = 4  # examples in a message
_MANY_PAIRS = 10
_COLD = 3.0  # times a place's usual pull; a cache that has to fetch the image first is slower than that


class Caution(NamedTuple):
    """One thing to know before a verdict is believed. ``code`` is stable, ``text`` is for people."""

    code: str
    text: str

    def __str__(self) -> str:
        return visible(self.text)


def cautions(table: pd.DataFrame, blocks: Blocks) -> Iterator[Caution]:
    """Yield the reasons to doubt the verdicts on one group of prepared pulls."""
    looks = (
        *(_rounds, _failures, _balance, _first, _order, _load, _client),
        *(_digests, _versions, _vantages, _images, _number),
    )
    for look in looks:
        for code, text in look(table, blocks):
            yield Caution(code, text)


def left_out(count: int) -> Caution:
    """Return what to know about pulls that are left out, because the measuring machine failed."""
    pulls = plural(count, "pull")
    text = f"{pulls} failed for want of memory or open files on the machine that measured: not counted"
    return Caution("resources", text)


def _rounds(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    alone = int(table["round"].isna().sum())
    if alone == len(table):
        yield "no-rounds", "the pulls belong to no round, so there are no pairs: measure all places in rounds"
        return
    if alone:
        yield "no-rounds", f"without a round, and so in no pair: {alone} of {plural(len(table), 'pull')}"
    if blocks.n_rounds < MIN_ROUNDS and len(blocks.places) > 1:
        have = plural(blocks.n_rounds, "round")
        yield "few-rounds", f"{have} measured, a verdict needs at least {MIN_ROUNDS}"
    if blocks.repeated:
        extra = plural(blocks.repeated, "further pull")
        yield "repeated", f"some places were pulled more than once in a round ({extra}); their median counts"


def _failures(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    """Look for places that failed, the most frequent failures first; what each kind means is in a table."""
    known = table.loc[~table["ok"] & table["error_kind"].notna(), ["place", "error_kind"]]
    if known.empty:
        return
    pulls = table["place"].value_counts()
    times = known.groupby(["place", "error_kind"], observed=True).size().sort_values(kind="stable")
    for place, kind, count in times[::-1].head(_NAMED).reset_index(name="times").itertuples(index=False):
        cause, many = cause_of(str(kind)), plural(int(pulls[place]), "pull")
        yield (
            "failures",
            f"{named(place)} failed in {count} of {many} [{kind}]: {cause.means}; to repair it: {cause.cure}",
        )


def _balance(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    there = ~np.isnan(blocks.times)
    whole = int(there.all(axis=1).sum())
    if len(blocks.places) > 1 and whole < len(there):
        counts = sorted(zip(there.sum(axis=0).tolist(), blocks.places, strict=True))
        (fewest, rare), (most, common) = counts[0], counts[-1]
        yield (
            "unbalanced",
            f"unbalanced: only {whole} of {len(there)} rounds have every place ({rare} is in {fewest}, "
            f"{common} in {most}); medians of places compare different rounds, pairs do not",
        )


def _first(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    """Look for places whose first pull filled a cache; known states of the caches are kept apart anyway."""
    if (table["cache_state"] != "unknown").all():
        return
    done = table.loc[table["ok"] & table["round"].notna(), ["place", "image", "round", "seconds"]]
    done = done.sort_values("round", kind="stable")
    for (place, _), times in done.groupby(["place", "image"], observed=True, sort=True)["seconds"]:
        first, later = float(times.iloc[0]), float(times.iloc[1:].median())
        if len(times) > 2 and first > _COLD * later:
            yield (
                "cold-at-first",
                f"the first pull from {place} took {seconds(first)}, later ones {seconds(later)}: its cache "
                "was probably empty at first; bench --cache-state cold measures what a first pull costs",
            )
            return


def _order(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    if blocks.n_rounds < 5 or len(blocks.places) < 2 or table["order"].isna().all():
        return
    fixed = table.groupby(["image", "place"], observed=True)["order"].nunique()
    if len(fixed) > 1 and (fixed == 1).all():
        yield "not-shuffled", "every round had the same order, so a place may profit from its turn"


def _load(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    load = table["other_cpu"].dropna()
    busy = int((load > _BUSY).sum())
    if busy and busy > _OFTEN * len(load):
        pulls = plural(len(load), "pull")
        text = f"other programs used over {_BUSY:.0%} of the machine's CPU in {busy} of {pulls}"
        yield "other-load", text


def _client(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    share = table["client_cpu"].dropna()
    limited, pulls = int((share > CLIENT_LIMIT).sum()), plural(len(share), "pull")
    if limited and limited > _OFTEN * len(share):
        yield (
            "client-limit",
            f"in {limited} of {pulls} the client's CPU was busy for over {CLIENT_LIMIT:.0%} of the transfer: "
            "they show the speed of the client, and a faster mirror would not be faster",
        )


def _digests(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    known = table.loc[table["ok"] & table["digest"].notna(), ["image", "place", "digest"]]
    kinds = known.groupby("image", observed=True)["digest"].nunique()
    for image in kinds.index[kinds > 1][:_NAMED]:
        seen = known[known["image"] == image].groupby("place", observed=True)["digest"].last()
        digests = _listed(f"{place}: {str(digest)[:19]}" for place, digest in seen.items())
        name = image or "the image"
        yield "digests-differ", f"{name} had {kinds[image]} digests ({digests}): the pulls differ in content"


def _versions(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    for name, words in (("client_version", "versions of the client"), ("workers", "numbers of workers")):
        kinds = table[name].dropna().unique()
        if len(kinds) > 1:
            shown = _listed(f"{each:g}" if isinstance(each, float) else each for each in kinds)
            yield "client-differs", f"{len(kinds)} {words} were used ({shown})"


def _vantages(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    there = sorted(map(str, table["vantage"].unique()))
    if len(there) > 1:
        yield (
            "vantages-pooled",
            f"{len(there)} vantage points are pooled ({_listed(there)}), and which place is fast depends on "
            'where you are; compare(pulls, by="vantage") keeps them apart',
        )


def _images(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    for one, other, here, there in image_conflicts(blocks):
        yield (
            "depends-on-image",
            f"it depends on the image: {one} is faster than {other} for {here} and slower for {there}; "
            'compare(pulls, by="image") keeps them apart',
        )


def _number(table: pd.DataFrame, blocks: Blocks) -> Iterator[tuple[str, str]]:
    places = len(blocks.places)
    pairs = places * (places - 1) // 2
    if pairs >= _MANY_PAIRS and blocks.n_rounds >= MIN_ROUNDS:
        yield (
            "many-pairs",
            f"{pairs} pairs were compared, each with a 95 % interval: among equal places about "
            f"{pairs * 0.05:.1g} would seem to differ by chance",
        )


def _listed(each: Iterable[Any]) -> str:
    """Return some of the names, and a mark if there are more."""
    names = list(map(str, each))
    return ", ".join(names[:_NAMED] + ["…"] * (len(names) > _NAMED))
