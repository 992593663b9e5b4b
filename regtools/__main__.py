"""``python -m regtools`` is the command ``regtools``."""

from __future__ import annotations

import sys

try:
    from regtools.cli import main

    status = main()
except KeyboardInterrupt:  # during the import above
    status = 130
sys.exit(status)
