"""How a pull shows itself: a few lines on the terminal, a small table in JupyterLab."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .records import Pull

__all__ = ["html", "seconds", "size", "text"]

_CELL = "text-align:left;padding:2px 12px 2px 0"


def size(count: float) -> str:
    """Give a number of bytes in decimal units, three figures at most after the first.

    >>> size(999), size(22_000_000), size(1_310_000_000)
    ('999 B', '22.0 MB', '1.31 GB')
    """
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            value = count / 10**power
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    return f"{count:.0f} B"


def seconds(value: float) -> str:
    """Give a time with a fitting unit.

    >>> seconds(0.0042), seconds(1.5)
    ('4.2 ms', '1.50 s')
    """
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def facts(pull: Pull) -> list[tuple[str, str]]:
    """Give what matters of a pull as pairs of a word and a value."""
    found = [("total", seconds(pull.total_s))]
    if pull.served_by:
        found.append(("served by", pull.served_by))
    if pull.digest:
        found.append(("digest", pull.digest))
    if pull.ok:
        fetched = pull.bytes_fetched or 0
        rate = f" at {size(fetched / pull.transfer_s)}/s" if pull.transfer_s > 0 else ""
        layers = f"{pull.n_layers} layer{'' if pull.n_layers == 1 else 's'}"
        verified = ", every digest verified" if pull.client == "builtin" else ""
        found.append(("fetched", f"{size(fetched)} in {layers}{rate}{verified}"))
    phases = [
        ("starting", pull.start_s or 0.0),
        ("ping and token", pull.auth_s),
        ("manifest", pull.manifest_s),
        ("transfer", pull.transfer_s),
        ("waiting", pull.wait_s),
        ("storing", pull.store_s or 0.0),
    ]
    found.append(("time", ", ".join(f"{name} {seconds(value)}" for name, value in phases if value > 0)))
    if pull.client != "builtin":
        memory = size(pull.max_rss_kb * 1024)
        found.append(("client", f"{pull.client} {pull.client_version}, peak memory {memory}"))
    repeated = f", {pull.n_retries} of them repeated" if pull.n_retries else ""
    found.append(("requests", f"{pull.n_requests}{repeated}"))
    return found


def text(pull: Pull) -> str:
    """Give the pull in a few lines for a terminal."""
    lines = [f"{pull.reference or pull.image}: {_verdict(pull)}"]
    lines += [f"  {name + ':':<11}{value}" for name, value in facts(pull)]
    lines += [f"  {'failed:':<11}{failure}" for failure in pull.failures]
    return "\n".join(lines)


def html(pull: Pull) -> str:
    """Give the pull as a small table; inline style only, so that it shows in an untrusted notebook."""
    from html import escape

    rows = [*facts(pull), *(("failed", str(failure)) for failure in pull.failures)]
    body = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in rows
    )
    head = f"<b>{escape(pull.reference or pull.image)}</b>: {escape(_verdict(pull))}"
    return f'<div>{head}<table style="border-collapse:collapse">{body}</table></div>'


def _verdict(pull: Pull) -> str:
    return "pulled" if pull.ok else f"failed [{pull.error_kind}]"
