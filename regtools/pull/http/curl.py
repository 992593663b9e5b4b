"""Import pycurl without its half for asyncio, which is imported when it is asked for.

That half needs dataclasses and inspect, which would make the start of a pull longer by a fifth.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from regtools.values import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_HALF, _NAME = "pycurl.async_multi", "AsyncCurlMulti"


def _late(name: str) -> Any:
    """Return what the module lacks so far (PEP 562)."""
    if name != _NAME:
        raise AttributeError(f"module 'pycurl' has no attribute {name!r}")
    return getattr(import_module(_HALF), name)


if "pycurl" in sys.modules:  # another package has imported it whole
    import pycurl
else:
    sys.modules[_HALF] = ModuleType(_HALF)
    setattr(sys.modules[_HALF], _NAME, None)
    try:
        import pycurl
    finally:
        del sys.modules[_HALF]
    if _NAME in vars(pycurl):  # older releases have no such half
        delattr(pycurl, _NAME)
        pycurl.__getattr__ = _late

__all__ = ["pycurl"]
