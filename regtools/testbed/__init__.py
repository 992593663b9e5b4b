"""Registries to practise on: real images behind real links, on this machine, without the internet.

::

    from regtools.testbed import Link, Testbed

    with Testbed(mirrors={"near": Link(rtt_ms=5, mbit=400), "far": Link(rtt_ms=80, mbit=20)}) as bed:
        print(bed.conf_text)            # what podman and skopeo need to know
        print(bed.image("hello"))       # origin.test/hello:latest

The images are the same on every machine (:mod:`.images`), the registry speaks the OCI distribution
specification (:mod:`.registry`), and a link delays and limits what passes through it
(:mod:`.link`). Real podman, buildah and skopeo get a home of their own to work in (:mod:`.practice`).
"""

from .bed import DEFAULT_MIRRORS, Link, Links, Place, Testbed
from .images import DEFAULT_IMAGES, Hello, Payload
from .practice import Practice, Said
from .store import Count, Counters

__all__ = [
    "DEFAULT_IMAGES",
    "DEFAULT_MIRRORS",
    "Count",
    "Counters",
    "Hello",
    "Link",
    "Links",
    "Payload",
    "Place",
    "Practice",
    "Said",
    "Testbed",
]
