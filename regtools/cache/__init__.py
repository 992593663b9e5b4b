"""A local mirror that really caches: a registry as a pull-through cache, and Redis for its descriptors.

::

    settings ─▶ config, units ─▶ files         what is written: text out of values, then a folder
    engines (processes)                        what runs: podman's containers, or this machine's programs
    traffic, resp ─▶ status, verify            what it says of itself, and whether it is true
    cache                                      all of it as one object
"""

from __future__ import annotations

from .cache import Cache
from .settings import DOCKER_HUB, Settings
from .status import Counts, Status, Traffic
from .verify import Verification

__all__ = ["DOCKER_HUB", "Cache", "Counts", "Settings", "Status", "Traffic", "Verification"]
