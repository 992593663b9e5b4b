"""What the chapters use: cell magics, exercises, the check-up of this machine, the shared files."""

from .lesson import check, hint, progress, solution
from .magics import beside, examine, load_ipython_extension, unload_ipython_extension

__all__ = [
    "beside",
    "check",
    "examine",
    "hint",
    "load_ipython_extension",
    "progress",
    "solution",
    "unload_ipython_extension",
]
