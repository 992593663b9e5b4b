"""registries.conf as podman reads it, and what it makes of an image name.

::

    look-up ─▶ documents ─▶ RegistriesConf ─▶ Resolution ─▶ reasons, tree, table, frame
    (lookup)   (document,    (config)          (resolution)  (reasons, rendering)
                validation)

What differs between podman 4, 5 and 6 stands in one table, :mod:`regtools.registries.reading.releases`.
"""

from __future__ import annotations
