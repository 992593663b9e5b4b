"""What the chapters use: cell magics, exercises, sliders, the check-up of this machine, the shared files."""

from .lesson import check, hint, progress, solution
from .live import sliders
from .magics import beside, examine, load_ipython_extension, unload_ipython_extension

__all__ = [
    "beside",
    "check",
    "examine",
    "hint",
    "load_ipython_extension",
    "progress",
    "sliders",
    "solution",
    "unload_ipython_extension",
]
