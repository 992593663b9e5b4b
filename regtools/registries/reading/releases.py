"""What differs between podman 4, 5, 6 and 6.1: one table, asked by name.

No other module compares release numbers. Sources: containers-registries.conf(5) and the image libraries
of podman 4.3.1, 5.8.2, 6.0 and 6.1.1; each row was checked by running them.
"""

from __future__ import annotations

import re

from regtools.errors import RegtoolsError
from regtools.values import TYPE_CHECKING, NamedTuple

from .schema import LAYER_HELPER, NAMESPACE

if TYPE_CHECKING:
    from typing import Any


class Release(NamedTuple):
    """How one podman looks for, reads and judges its files.

    Attributes:
        name: ``"4"``, ``"5"``, ``"6"`` or the full number that was asked for.
        version: the full number whose rules hold.
        toml: dialect of TOML, ``"1.0"`` or ``"1.1"``.
        toml11_variable: environment variable whose presence turns TOML 1.1 on.
        takes_last_list: whether the last of two equal list keys counts; we refuse both and say so.
        accepts_bom: whether a byte-order mark may start a file.
        converts_old_format: whether the main file may be in the old format (``[registries.search]``).
        empty_old_list_counts: whether ``registries = []`` makes a file one in the old format.
        empty_new_list_counts: whether an empty list of the new format makes such a file a mixed one.
        knows_layer_helper: whether ``additional-layer-store-auth-helper`` is a key.
        knows_namespaces: whether ``namespace-proxy`` is a key.
        trims_mirrors: whether a slash at the end of a mirror's location is removed.
        main_variables: environment variables that name the main file; the first that is set decides.
        variable_drops_dropins: whether such a variable switches all drop-ins off.
        override_variable: environment variable that names a file merged last.
        obeys_xdg: whether ``XDG_CONFIG_HOME`` names the directory of the user's files.
        system_roots: directories of the system's files, strongest first.
        splits_by_user: whether there are drop-in directories for root and for other users.
        masks_by_name: whether drop-ins of all directories are sorted by base name and equal names mask each
            other; else every drop-in is read, directory by directory.
        user_file_hides_system: whether a user's main file keeps the system's drop-ins from being read.
        follows_linked_directory: whether a drop-in directory may be a symbolic link.
        dangling_link_is_fatal: whether a drop-in that is a link to a missing file stops podman.
        auth_variable_is_alone: whether an auth file that a variable names is the only one that is read.
        blobs_move_on: whether the candidate's next source is tried if one fails to deliver a blob.
        mounts_into_machine: whether a podman machine has its user's files as its ``/etc/containers``.
        names_main_file: whether the "no search registries" error names the main file.
    """

    name: str
    version: str
    toml: str = "1.1"
    toml11_variable: str | None = None
    takes_last_list: bool = False
    accepts_bom: bool = True
    converts_old_format: bool = False
    empty_old_list_counts: bool = True
    empty_new_list_counts: bool = True
    knows_layer_helper: bool = True
    knows_namespaces: bool = True
    trims_mirrors: bool = True
    main_variables: tuple[str, ...] = ("CONTAINERS_REGISTRIES_CONF",)
    variable_drops_dropins: bool = True
    override_variable: str | None = "CONTAINERS_REGISTRIES_CONF_OVERRIDE"
    obeys_xdg: bool = True
    system_roots: tuple[str, ...] = ("/etc/containers", "/usr/share/containers")
    splits_by_user: bool = True
    masks_by_name: bool = True
    user_file_hides_system: bool = False
    follows_linked_directory: bool = True
    dangling_link_is_fatal: bool = False
    auth_variable_is_alone: bool = True
    blobs_move_on: bool = True
    mounts_into_machine: bool = True
    names_main_file: bool = False

    @property
    def unknown_keys(self) -> frozenset[str]:
        """The keys of registries.conf that only other releases know; this one ignores them."""
        known = {LAYER_HELPER: self.knows_layer_helper, NAMESPACE: self.knows_namespaces}
        return frozenset(key for key, is_known in known.items() if not is_known)

    def since(self, fact: str) -> str | None:
        """Return the first release for which a fact is true, if a bare number leaves open whether it is."""
        return SINCE[fact] if SINCE[fact].partition(".")[0] == self.name else None

    @property
    def others(self) -> tuple[str, ...]:
        """The newest release of each number, by name, without those that have the rules of this one."""
        return tuple(
            each.version if each.name == self.name[0] else each.name
            for each in RELEASES.values()
            if each._replace(name=self.name, version=self.version) != self
        )

    @property
    def later(self) -> tuple[Release, ...]:
        """Those of :attr:`others` that came after this release."""
        rest = map(release, self.others)
        return tuple(each for each in rest if _parts(each.version) > _parts(self.version))


_FIVE = Release(
    "5",
    "5.8",
    toml="1.0",
    toml11_variable="BURNTSUSHI_TOML_110",
    takes_last_list=True,
    converts_old_format=True,
    main_variables=("CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"),
    variable_drops_dropins=False,
    override_variable=None,
    obeys_xdg=False,
    system_roots=("/etc/containers",),
    splits_by_user=False,
    masks_by_name=False,
    user_file_hides_system=True,
    follows_linked_directory=False,
    blobs_move_on=False,
    mounts_into_machine=False,
    names_main_file=True,
    knows_namespaces=False,
)
_FOUR = _FIVE._replace(
    name="4",
    version="4.3.1",
    toml11_variable=None,
    accepts_bom=False,
    empty_old_list_counts=False,
    empty_new_list_counts=False,
    knows_layer_helper=False,
    trims_mirrors=False,
    dangling_link_is_fatal=True,
    auth_variable_is_alone=False,
)

RELEASES: dict[str, Release] = {"4": _FOUR, "5": _FIVE, "6": Release("6", "6.1")}

SINCE = {"trims_mirrors": "5.6", "blobs_move_on": "6.1", "knows_namespaces": "6.1"}
"""Of the facts above, those that begin within a number: the first release for which each is true."""

NAMED = "4, 5, 6 or a full number such as 5.4.2"
_FULL = r"([456])((?:\.[0-9]{1,4}){1,3})"


def release(name: str) -> Release:
    """Return the row of one release.

    Args:
        name: ``"4"``, ``"5"`` or ``"6"`` for the newest one known with that number (4.3.1, 5.8 and 6.1), or a
            full number such as ``"5.4.2"``. One that is newer than those known has their rules.

    >>> release("5").toml
    '1.0'
    >>> release("6").blobs_move_on, release("6.0").blobs_move_on
    (True, False)

    Raises:
        RegtoolsError: kind ``unknown-release`` for anything else.
    """
    if name in RELEASES:
        return RELEASES[name]
    if match := re.fullmatch(_FULL, str(name)):
        late: dict[str, Any] = {f: False for f, first in SINCE.items() if _parts(name) < _parts(first)}
        return RELEASES[match[1]]._replace(name=match[0], version=match[0], **late)
    message = f"there are no rules for podman {name!r}"
    hint = f"write {NAMED}; `podman --version` prints which you have"
    raise RegtoolsError(message, kind="unknown-release", stage="load", hint=hint)


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
