"""A local mirror that really caches: a registry as a pull-through cache, and Redis for its descriptors.

::

    settings ─▶ files                  what is written: templates filled with values, in a folder
    engines, binaries, processes       what runs: podman's containers, or this machine's programs
    starting                           what a start needs
    status, verify                     how the cache is doing, and whether it caches
    cache                              all of it as one object
"""

from .cache import Cache
from .settings import DOCKER_HUB, Settings
from .status import Counts, Status, Traffic
from .verify import Verification

__all__ = ["DOCKER_HUB", "Cache", "Counts", "Settings", "Status", "Traffic", "Verification"]
