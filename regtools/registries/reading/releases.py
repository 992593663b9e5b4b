"""What differs between podman 4, 5 and 6: one table, asked by name.

No other module compares release numbers. Sources: containers-registries.conf(5) and the image libraries
of podman 4.3.1, 5.8.2 and 6.0; each row was checked by running them.
"""

from __future__ import annotations

from typing import NamedTuple

from regtools.errors import RegtoolsError


class Release(NamedTuple):
    """How one podman looks for, reads and judges its files.

    Attributes:
        name: ``"4"``, ``"5"`` or ``"6"``.
        toml: dialect of TOML, ``"1.0"`` or ``"1.1"``.
        toml11_variable: environment variable whose presence turns TOML 1.1 on.
        takes_last_list: whether the last of two equal list keys counts; we refuse both and say so.
        accepts_bom: whether a byte-order mark may start a file.
        converts_old_format: whether the main file may be in the old format (``[registries.search]``).
        empty_old_list_counts: whether ``registries = []`` makes a file one in the old format.
        empty_new_list_counts: whether an empty list of the new format makes such a file a mixed one.
        knows_layer_helper: whether ``additional-layer-store-auth-helper`` is a key.
        trims_mirrors: whether a slash at the end of a mirror's location is removed.
        trims_mirrors_since: the first minor release that does so, if it is not the first of all.
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
            Within podman 6 this is new: releases from the second half of 2026 on.
        names_main_file: whether the "no search registries" error names the main file.
    """

    name: str
    toml: str = "1.1"
    toml11_variable: str | None = None
    takes_last_list: bool = False
    accepts_bom: bool = True
    converts_old_format: bool = False
    empty_old_list_counts: bool = True
    empty_new_list_counts: bool = True
    knows_layer_helper: bool = True
    trims_mirrors: bool = True
    trims_mirrors_since: str | None = None
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
    names_main_file: bool = False


_FIVE = Release(
    "5",
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
    names_main_file=True,
    trims_mirrors_since="5.6",
)
_FOUR = _FIVE._replace(
    name="4",
    toml11_variable=None,
    accepts_bom=False,
    empty_old_list_counts=False,
    empty_new_list_counts=False,
    knows_layer_helper=False,
    trims_mirrors=False,
    trims_mirrors_since=None,
    dangling_link_is_fatal=True,
    auth_variable_is_alone=False,
)

RELEASES: dict[str, Release] = {"4": _FOUR, "5": _FIVE, "6": Release("6")}


def release(name: str) -> Release:
    """Return the row of one release.

    >>> release("5").toml
    '1.0'

    Raises:
        RegtoolsError: kind ``unknown-release`` for anything but "4", "5" and "6".
    """
    if name in RELEASES:
        return RELEASES[name]
    message = f"there are rules for podman {', '.join(RELEASES)}, not for {name!r}"
    hint = 'write podman="6"; the first number of `podman --version` says which you have'
    raise RegtoolsError(message, kind="unknown-release", stage="load", hint=hint)
