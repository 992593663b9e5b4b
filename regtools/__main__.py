"""The command ``regtools``, which is also ``python -m regtools``."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command of this process; Ctrl-C ends it quietly during the imports, too."""
    try:
        from regtools.cli import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    try:
        sys.exit(run())
    except KeyboardInterrupt:  # a signal that waits is delivered as a function begins
        sys.exit(130)
