"""``python -m regtools`` is the command ``regtools``."""

import sys

from regtools.cli import main

sys.exit(main())
