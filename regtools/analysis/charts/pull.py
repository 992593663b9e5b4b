"""One pull: its requests over time, and the rate inside its blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtools.display import seconds, size

from .style import FAILED, axes, below, grid, look, named, points_wide, title

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes

    from regtools.pull.records import Pull, Request

__all__ = ["throughput", "waterfall"]

# phase → its words in the legend, fill (Okabe and Ito's colours, ordered by lightness), hatch.
_PHASES = {
    "dns_s": ("name look-up", "#000000", ""),
    "tcp_s": ("TCP connect", "#D55E00", "//"),
    "tls_s": ("TLS handshake", "#CC79A7", "xx"),
    "ttfb_s": ("until first byte", "#F0E442", ".."),
    "body_s": ("body", "#56B4E9", ""),
}


def waterfall(pull: Pull, ax: Axes | None = None) -> Axes:
    """Draw one pull's requests over time: a lane for each worker, each bar cut by phase.

    Arguments:
        pull: a :class:`~regtools.pull.records.Pull`.
        ax: where to draw; None makes a figure.

    A cross ends a request that failed; a dotted line marks where a further source was asked.
    """
    workers = sorted({request.worker for request in pull.requests})
    ax = ax if ax is not None else axes(1.7 + 0.55 * max(2, len(workers)))
    unit, factor = ("s", 1.0) if pull.total_s >= 1 else ("ms", 1000.0)
    lanes = {worker: number for number, worker in enumerate(workers)}
    longest = max(pull.total_s, 1e-6)
    for request in pull.requests:
        _bar(ax, request, lanes[request.worker], factor, longest)
    for moment, number in _further_sources(pull):
        ax.axvline(moment * factor, color="0.35", linestyle=":", linewidth=1)
        ax.text(moment * factor, -0.62, f" source {number}", fontsize="x-small", va="center", color="0.25")
    ax.set_yticks(list(lanes.values()), [f"worker {worker}" for worker in lanes])
    ax.set_ylim(max(len(lanes), 1) - 0.4, -0.8)
    ax.set_xlim(0, longest * factor * 1.02)
    ax.set_xlabel(f"time since the pull began ({unit})")
    verdict = (
        seconds(pull.total_s) if pull.ok else f"failed after {seconds(pull.total_s)} [{pull.error_kind}]"
    )
    title(ax, f"{pull.reference or pull.image}: {verdict}, n = {pull.n_requests} requests")
    _legend(ax, pull)
    return ax


def _bar(ax: Axes, request: Request, lane: int, factor: float, longest: float) -> None:
    at = request.t0_s
    for phase, (_, colour, hatch) in _PHASES.items():
        length = getattr(request, phase)
        if length:
            ax.barh(
                lane,
                length * factor,
                left=at * factor,
                height=0.55,
                color=colour,
                hatch=hatch,
                edgecolor="0.2",
                linewidth=0.3,
            )
            at += length
    end = (request.t0_s + request.total_s) * factor
    if request.error_kind is not None:
        ax.plot(
            end, lane, marker="x", color=FAILED, markersize=7, markeredgewidth=2, linestyle="none", zorder=4
        )
    room = points_wide(ax) * request.total_s / longest / 4.2  # letters of the small font
    if len(_words(request)) <= room:
        middle = (request.t0_s + request.total_s / 2) * factor
        ax.text(
            middle,
            lane,
            _words(request),
            ha="center",
            va="center",
            fontsize="x-small",
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _words(request: Request) -> str:
    if request.error_kind is not None:
        return f"{request.kind}: {request.error_kind}"
    if request.layer is not None:
        return f"layer {request.layer}, {size(request.bytes)}"
    return request.kind


def _further_sources(pull: Pull) -> list[tuple[float, int]]:
    """Give where each source after the first was asked: seconds and the source's number, from 1."""
    first: dict[int, float] = {}
    for request in pull.requests:
        first.setdefault(request.attempt, request.t0_s)
    return [(moment, attempt + 1) for attempt, moment in first.items() if attempt > 0]


def _legend(ax: Axes, pull: Pull) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="0.2", linewidth=0.3, label=words)
        for phase, (words, colour, hatch) in _PHASES.items()
        if any(getattr(request, phase) for request in pull.requests)
    ]
    if any(request.error_kind is not None for request in pull.requests):
        cross = Line2D([], [], marker="x", color=FAILED, markeredgewidth=2, linestyle="none", label="failed")
        handles.append(cross)
    if handles:
        below(ax, handles, columns=len(handles))


# -- the rate inside a blob ------------------------------------------------------------------------------

_MOST_BLOBS = 7
_MOST_STEPS = 30


def throughput(pull: Pull | Request | pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the rate inside each blob while it arrives: steady, throttled, stalling, or slow to start.

    Arguments:
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
    ax = ax if ax is not None else axes(4.0)
    handles = [_rate(ax, words, samples, number) for number, (words, samples) in enumerate(shown)]
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("time since the blob was asked for (s)")
    ax.set_ylabel("rate (MB/s)")
    some = f", the {len(shown)} largest drawn" if len(blobs) > len(shown) else ""
    title(ax, f"Rate inside a blob, n = {len(blobs)} blob{'' if len(blobs) == 1 else 's'}{some}")
    grid(ax)
    below(ax, handles, columns=2)
    return ax


def _sampled(pull: Any) -> Iterable[tuple[str, list[tuple[float, int]]]]:
    """Give each blob's words and samples."""
    from numbers import Integral

    from regtools.pull.records import Request

    if hasattr(pull, "to_dict") and hasattr(pull, "columns"):
        rows = pull.to_dict("records")
        requests = [(row.get("layer"), row.get("samples")) for row in rows]
    else:
        requests = [
            (each.layer, each.samples) for each in ([pull] if isinstance(pull, Request) else pull.requests)
        ]
    for layer, samples in requests:
        if isinstance(samples, list | tuple):
            words = f"layer {int(layer)}" if isinstance(layer, Integral) else "configuration"
            yield words, [(float(moment), int(count)) for moment, count in samples]


def _steps(samples: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """Leave out samples that came in a burst with the one before; the first and the last stay."""
    least = (samples[-1][0] - samples[0][0]) / _MOST_STEPS
    kept = [samples[0]]
    for moment, count in samples[1:-1]:
        if moment - kept[-1][0] >= least and samples[-1][0] - moment >= least:
            kept.append((moment, count))
    return [(float(moment), float(count)) for moment, count in [*kept, samples[-1]]]


def _rate(ax: Axes, words: str, samples: list[tuple[float, int]], number: int) -> Any:
    """Draw one blob; give its line for the legend."""
    import numpy as np
    from matplotlib.lines import Line2D

    colour, marker, dash = look(number)
    moments, counts = (np.array(column) for column in zip(*_steps(samples), strict=True))
    spans = np.maximum(np.diff(moments), 1e-6)
    rates = np.diff(counts) / spans / 1e6
    whole = (counts[-1] - counts[0]) / max(moments[-1] - moments[0], 1e-6) / 1e6
    label = named(f"{words}, {size(counts[-1])}, {whole:.3g} MB/s, n = {len(samples)} samples")
    ax.stairs(rates, moments, color=colour, linestyle=dash, baseline=None)
    middle = (moments[:-1] + moments[1:]) / 2
    ax.plot(middle, rates, marker=marker, color=colour, linestyle="none", markersize=3.5, zorder=3)
    ax.plot(moments[[0, -1]], [whole, whole], color=colour, linewidth=0.8, linestyle=dash, alpha=0.7)
    return Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=4, label=label)
