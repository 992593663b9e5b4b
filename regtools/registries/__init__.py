"""registries.conf as podman reads it, and what it makes of an image name.

::

    reading/ ─▶ documents ─▶ Settings ─▶ Resolution ─▶ reasons, answer, table, frame
    (lookup,    (document,   (settings)  (resolve,     (reasons,
     host)       validation)              entries)      resolution)

:class:`~regtools.registries.conf.RegistriesConf` is the door: a ``Settings`` that can be loaded and asked.
What differs between podman 4, 5 and 6 is in one table, :mod:`regtools.registries.reading.releases`.
"""

from __future__ import annotations
