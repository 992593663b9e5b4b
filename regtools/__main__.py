"""``python -m regtools`` is the command ``regtools``."""

from __future__ import annotations

import sys

from regtools.cli import main

sys.exit(main())
