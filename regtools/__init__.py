"""regtools: understand, and speed up, where container images come from.

From a text to an answer, step by step::

    text ─▶ RegistriesConf ─▶ Resolution ─▶ Pull ─▶ tidy rows ─▶ comparison, chart ─▶ advised registries.conf

* :func:`toml_to_json` turns TOML into JSON and says what is wrong where it cannot.
* :class:`RegistriesConf` reads ``registries.conf`` as podman 4, 5 or 6 would; its ``resolve`` returns the
  ordered list of sources that podman would pull an image name from, and why.
* :func:`time_pull` pulls an image and measures every phase.

Importing this package loads no module of it; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

from .values import TYPE_CHECKING
from .version import __version__ as __version__

if TYPE_CHECKING:
    from typing import Any

    from . import testbed as testbed
    from .analysis import charts as charts
    from .analysis.advice.advise import advise as advise
    from .analysis.compare import compare as compare
    from .analysis.comparison import Comparison as Comparison
    from .campaigns.campaign import run_campaign as run_campaign
    from .campaigns.journal import read_journal as read_journal
    from .errors import Place as Place
    from .errors import RegtoolsError as RegtoolsError
    from .errors import TomlError as TomlError
    from .notebook.doctor import doctor as doctor
    from .notebook.explorer import explorer as explorer
    from .notebook.share import data_path as data_path
    from .pull.timing import time_pull as time_pull
    from .reference import PullName as PullName
    from .reference import Reference as Reference
    from .registries.checks import Finding as Finding
    from .registries.conf import RegistriesConf as RegistriesConf
    from .registries.reasons import Reason as Reason
    from .registries.resolution import Candidate as Candidate
    from .registries.resolution import Resolution as Resolution
    from .registries.resolution import Source as Source
    from .toml.to_json import toml_to_json as toml_to_json

# The public names of each module; an empty module is this package itself.
_ROOMS = {
    "": ("testbed",),
    "analysis": ("charts",),
    "analysis.advice.advise": ("advise",),
    "analysis.compare": ("compare",),
    "analysis.comparison": ("Comparison",),
    "campaigns.campaign": ("run_campaign",),
    "campaigns.journal": ("read_journal",),
    "errors": ("Place", "RegtoolsError", "TomlError"),
    "notebook.doctor": ("doctor",),
    "notebook.explorer": ("explorer",),
    "notebook.share": ("data_path",),
    "pull.timing": ("time_pull",),
    "reference": ("PullName", "Reference"),
    "registries.checks": ("Finding",),
    "registries.conf": ("RegistriesConf",),
    "registries.reasons": ("Reason",),
    "registries.resolution": ("Candidate", "Resolution", "Source"),
    "toml.to_json": ("toml_to_json",),
}
_ROOM = {name: module for module, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *sorted(_ROOM)]


def __getattr__(name: str) -> Any:
    if name in ("load_ipython_extension", "unload_ipython_extension"):  # `%load_ext regtools` asks for these
        return getattr(import_module(".notebook", __name__), name)
    if name not in _ROOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _ROOM[name]
    try:
        value = import_module(f".{module or name}", __name__)
    except ModuleNotFoundError:
        from .errors import IN_BROWSER, absent_from_browsers

        if not IN_BROWSER:
            raise
        raise absent_from_browsers(f"regtools.{name}") from None
    globals()[name] = getattr(value, name) if module else value
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
