"""The advised file, followed by the real podman; and links whose properties the fit finds again."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import pytest

import regtools as rt
from regtools.campaigns.journal import append
from regtools.testbed import Link, Testbed
from regtools.testbed.images import Payload
from tests.support.podman import engine

pytestmark = pytest.mark.alone


@pytest.mark.long
@pytest.mark.needs("podman", "skopeo", "runc")
def test_podman_is_faster_with_the_advised_file(tmp_path: Path) -> None:
    images = {"app": Payload((400_000, 300_000, 3_000))}
    mirrors = {"dead": Link(), "slow": Link(rtt_ms=80, mbit=8), "fast": Link(rtt_ms=2, mbit=400)}
    with Testbed(mirrors, images=images, origin=Link(rtt_ms=40, mbit=20)) as bed, engine("4.3") as real:
        # The dead one is there and has nothing: it answers 404 to everything.
        dead = f"{bed.addresses['dead']}/nothing"
        text = bed.conf_text.replace(f'"{bed.addresses["dead"]}"', f'"{dead}"')
        conf = rt.RegistriesConf.from_toml(text, file="registries.conf")
        alone = {name: bed.places[name].conf for name in ("slow", "fast")}
        alone["dead"] = rt.RegistriesConf.from_toml(
            bed.place_conf_text("dead").replace(bed.addresses["dead"], dead)
        )
        journal, image, order = tmp_path / "pulls.jsonl", bed.image("app"), random.Random(1)
        for number in range(1, 11):
            for turn, name in enumerate(order.sample(sorted(alone), 3), 1):
                pull = rt.time_pull(image, alone[name], place=name)
                append(journal, pull.replace(round=number, order=turn, cache_state="cold"))
        pulls, requests = rt.read_journal(journal)
        advised = rt.advise(pulls, conf, requests=requests)
        after = rt.RegistriesConf.from_toml(text, dropins={"measured.conf": advised}, file="registries.conf")
        found = [source.reference.partition("/")[0] for source in after.resolve(image).sources]
        assert found[0] == bed.addresses["fast"]
        seconds: dict[str, list[float]] = {"before": [], "after": []}
        for _ in range(5):
            for name, content in (("before", text), ("after", advised)):
                real.forget()
                real.configure(content)
                real.podman("info")
                start = time.perf_counter()
                real.podman("pull", image)
                seconds[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        print(f"\npodman pull, median of 5: {medians}")
        print("".join(line + "\n" for line in advised.splitlines() if line.startswith("#")))
        assert medians["after"] < medians["before"]
        bed.reset_counters()
        real.forget()
        real.podman("pull", image)
        assert bed.counters.requests(place="fast", kind="blob", status=200) > 0
        assert bed.counters.requests(place="slow") == bed.counters.requests(place="dead") == 0


@pytest.mark.long
@pytest.mark.parametrize(("rtt_ms", "mbit"), [(40, 40), (80, 20), (20, 100)])
@pytest.mark.parametrize("workers", [1, 4])
def test_the_fit_finds_the_links_round_trip_and_rate_again(rtt_ms: float, mbit: float, workers: int) -> None:
    # No image has small layers beside a large one: several workers hide their round trips behind its transfer.
    large = int(mbit * 1e6 / 8 * 0.6)
    images = {
        "tiny": Payload((2100,)),
        "many": Payload((2100,) * 40, seed="1"),
        "big": Payload((large,), seed="2"),
        "pair": Payload((large // 3, large // 3), seed="3"),
    }
    with Testbed({"link": Link(rtt_ms=rtt_ms, mbit=mbit)}, images=images) as bed:
        made = [
            rt.time_pull(bed.image(name), bed.places["link"].conf, place="link", workers=workers).replace(
                round=number
            )
            for number in range(1, 9)
            for name in images
        ]
    (row,) = rt.compare(made).fits().to_dict("records")
    print(f"\n{rtt_ms} ms, {mbit} Mbit/s, {workers} workers: {row}")
    # A link reads a few milliseconds more than is set, since it waits in whole ticks of its clock.
    assert rtt_ms / 1000 * 0.9 <= row["rtt_s"] <= rtt_ms / 1000 * 1.1 + 0.003
    assert row["rate_bytes_s"] == pytest.approx(mbit * 1e6 / 8, rel=0.1)
