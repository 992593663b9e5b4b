"""A measured pull: one request timed, a registry spoken to, sources in order, rows to keep.

``transport`` sends one request; ``fetch`` makes a verified document of hops and repetitions; ``auth`` and
``certs`` find logins and certificates where podman does; ``distribution`` speaks the registry's protocol;
``sources`` and ``timing`` walk a resolution and make a :class:`Pull`; ``records`` and ``journal`` keep it.
"""

from __future__ import annotations
