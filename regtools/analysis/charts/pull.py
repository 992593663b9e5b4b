"""One pull: its requests over time, and the rate inside its blobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regtools.display import seconds, size
from regtools.pull.frames import are_pairs
from regtools.pull.records import Pull, Request

from ..pairing import plural
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Samples = list[tuple[float, int]]
_THICK = 0.55  # of a bar, in lanes


def waterfall(pull: Pull, ax: Axes | None = None) -> Axes:
    """Draw one pull's requests over time: a lane for each worker, each bar cut by phase.

    Args:
        pull: a :class:`~regtools.pull.records.Pull`.
        ax: where to draw; None makes a figure.

    A cross ends a request that failed; a dotted line marks where a further source was asked, and where the
    same source was asked over HTTP because HTTPS had failed. Each phase is named above a bar of it; a phase
    too short to see is not named. An answer that only names another address is a bar of its own, "redirect".
    """
    lanes = {worker: at for at, worker in enumerate(sorted({each.worker for each in pull.requests}))}
    ax = ax if ax is not None else style.axes(1.7 + 0.55 * max(2, len(lanes)))
    unit, factor = ("s", 1.0) if pull.total_s >= 1 else ("ms", 1000.0)
    longest = max(pull.total_s, 1e-6) * factor
    parts, failed = [], []
    for request in pull.requests:
        lane = lanes[request.worker]
        parts += _bar(ax, request, lane, factor, longest)
        if request.error_kind is not None:
            why = style.Fill(f"{request.kind}: {request.error_kind}", style.FAILED)
            failed.append(style.Part(why, lane + _THICK / 2, request.t0_s * factor, request.total_s * factor))
    for text, moment in _turns(pull.requests):
        ax.axvline(moment * factor, color=style.LINE, linestyle=":", linewidth=1)
        ax.text(moment * factor, -0.84, f" {text}", fontsize=style.NOTE, va="center", color=style.INK)
    ax.set_yticks(list(lanes.values()), [f"worker {worker}" for worker in lanes])
    ax.set_ylim(max(len(lanes), 1) - 0.4, -1.0)
    ax.set_xlim(0, longest * 1.02)
    ax.set_xlabel(f"time since the pull began ({unit})")
    end = seconds(pull.total_s) if pull.ok else f"failed after {seconds(pull.total_s)} [{pull.error_kind}]"
    detail = f"requests of each worker, {unit}; n = {plural(pull.n_requests, 'request')}"
    style.title(ax, f"{pull.reference or pull.image}: {end}{_most(pull)}", detail)
    style.named(ax, failed, below_bars=True)
    style.named(ax, parts)
    return style.finished(ax)


def _turns(requests: Sequence[Request]) -> Iterator[tuple[str, float]]:
    """Yield where a pull turns to a further source, or from https to http, and the seconds until then."""
    before: Request | None = None
    for request in sorted(requests, key=lambda each: each.t0_s):
        if before is not None and request.attempt > before.attempt:
            yield f"source {request.attempt + 1}", request.t0_s
        elif before is not None and (before.kind, before.scheme, request.scheme) == ("ping", "https", "http"):
            yield "HTTP", request.t0_s
        if before is None or request.attempt >= before.attempt:
            before = request


def _most(pull: Pull) -> str:
    """Return which phase took most of the time of all requests, where that is known."""
    sums = {phase: sum(getattr(each, phase) or 0.0 for each in pull.requests) for phase in style.PHASES}
    phase = max(sums, key=lambda each: sums[each])
    whole = sum(sums.values())
    return f", mostly {style.PHASES[phase].words} ({sums[phase] / whole:.0%})" if whole else ""


def _bar(ax: Axes, request: Request, lane: int, factor: float, longest: float) -> list[style.Part]:
    """Draw a request, and return its parts."""
    start, length = request.t0_s * factor, request.total_s * factor
    lengths = ((fill, (getattr(request, phase) or 0.0) * factor) for phase, fill in style.PHASES.items())
    parts = style.stack(ax, lane, start, lengths, height=_THICK)
    if request.error_kind is not None:
        ax.plot(start + length, lane, markersize=7, markeredgewidth=2, **style.CROSS)
        return parts
    text = _answer(request)
    if len(text) <= style.points_wide(ax) * length / longest / 4.2:  # letters of the small font
        centred: dict[str, Any] = {"ha": "center", "va": "center"}
        ax.text(
            start + length / 2,
            lane,
            style.words(text),
            fontsize=style.NOTE,
            color=style.BLACK,
            bbox=style.LABEL,
            **centred,
        )
    return parts


def _answer(request: Request) -> str:
    """Return what a request brought: a document, a layer with its size, or only the address to ask next."""
    if request.status is not None and 300 <= request.status < 400:
        return "redirect"
    return request.kind if request.layer is None else f"layer {request.layer}, {size(request.bytes)}"


# -- the rate inside a blob ------------------------------------------------------------------------------

_MOST_BLOBS = 7
_MOST_STEPS = 30


def throughput(pull: Pull | Request | pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the rate inside each blob while it arrives: steady, throttled, stalling, or slow to start.

    Args:
        pull: a pull, one of its requests, or rows of the requests frame.
        ax: where to draw; None makes a figure.

    Each step is what arrived over the time it took, from the first sample to the last, of which a blob has at
    most 64. Samples that came in one burst make one step: a step is at least a thirtieth of the time. The
    thin line is the blob's whole rate. Of more than seven blobs the largest are drawn, and the title says so.

    Raises:
        ValueError: no blob has samples, as with podman's own pulls and with blobs of a few bytes.
    """
    blobs = [blob for blob in _sampled(pull) if len(blob[1]) > 1]
    if not blobs:
        raise ValueError("no blob has samples of its bytes over time")
    blobs.sort(key=lambda blob: -blob[1][-1][1])
    shown = blobs[:_MOST_BLOBS]
    ax = ax if ax is not None else style.axes(4.0)
    looks = style.looks(f"{number}" for number in range(len(shown)))
    drawn = [_rate(ax, *blob, look) for blob, look in zip(shown, looks.values(), strict=True)]
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("time since the blob was asked for (s)")
    ax.set_ylabel("rate (MB/s)")
    some = f", the {len(shown)} largest drawn" if len(blobs) > len(shown) else ""
    name, whole, *_ = drawn[0]
    detail = f"rate inside a blob, MB/s; thin: its whole rate; n = {plural(len(blobs), 'blob')}{some}"
    style.title(ax, f"The largest blob, {name}, arrives at {whole:.3g} MB/s", detail)
    style.grid(ax)
    style.ends(ax, [(last, name, note, look) for name, _, last, note, look in drawn])
    return style.finished(ax)


def _sampled(pull: Any) -> Iterator[tuple[str, Samples]]:
    """Yield each blob's name and samples."""
    if hasattr(pull, "columns"):
        requests = [(row.get("layer"), row.get("samples")) for row in pull.to_dict("records")]
    else:
        each = [pull] if isinstance(pull, Request) else pull.requests
        requests = [(request.layer, request.samples) for request in each]
    for layer, samples in requests:
        if isinstance(samples, list | tuple) and are_pairs(samples):  # a journal may hold any list
            name = f"layer {int(layer)}" if isinstance(layer, Integral) else "configuration"
            yield name, [(float(moment), int(count)) for moment, count in samples]


def _steps(samples: Samples) -> Samples:
    """Return the samples without those that came in a burst with the one before; both ends stay."""
    least = (samples[-1][0] - samples[0][0]) / _MOST_STEPS
    kept = [samples[0]]
    for moment, count in samples[1:-1]:
        if moment - kept[-1][0] >= least and samples[-1][0] - moment >= least:
            kept.append((moment, count))
    return [*kept, samples[-1]]


def _rate(
    ax: Axes, name: str, samples: Samples, look: style.Look
) -> tuple[str, float, float, str, style.Look]:
    """Draw one blob; return its name, its whole rate, its last rate, a note and its look."""
    colour, _, dash = look
    moments, counts = np.array(_steps(samples), dtype=float).T
    rates = np.diff(counts) / np.maximum(np.diff(moments), 1e-6) / 1e6
    whole = (counts[-1] - counts[0]) / max(moments[-1] - moments[0], 1e-6) / 1e6
    ax.stairs(rates, moments, color=colour, linestyle=dash, baseline=None)
    ax.plot((moments[:-1] + moments[1:]) / 2, rates, **{**style.points(look), "markersize": 3.5})
    ax.plot(moments[[0, -1]], [whole, whole], color=colour, linewidth=0.8, linestyle=dash, alpha=0.7)
    name, note = f"{name}, {size(counts[-1])}", f"{whole:.3g} MB/s, {plural(len(samples), 'sample')}"
    return name, float(whole), float(rates[-1]), note, look
