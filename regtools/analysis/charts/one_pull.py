"""One pull: its requests over time."""

from __future__ import annotations

from regtools.pull.display import seconds, size

from .looks import FAILED, axes, below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes

    from regtools.pull.records import Pull, Request

__all__ = ["waterfall"]

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
    ax.set_title(
        f"{pull.reference or pull.image}: {verdict}, n = {pull.n_requests} requests", fontsize="medium"
    )
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
    if request.total_s / longest > 0.12:  # narrower bars have no room for words
        middle = (request.t0_s + request.total_s / 2) * factor
        ax.text(
            middle,
            lane,
            _words(request),
            ha="center",
            va="center",
            fontsize="x-small",
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
