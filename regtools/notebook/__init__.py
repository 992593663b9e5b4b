"""What the chapters use: cell magics, exercises, the check-up of this machine, the shared files."""

from .magics import beside, check, examine, load_ipython_extension, unload_ipython_extension

__all__ = ["beside", "check", "examine", "load_ipython_extension", "unload_ipython_extension"]
