"""Makes ``notebooks/what-changes.md`` from the table of releases: ``python -m tests.notebooks.changes --write``.

Each fact of the table that differs between two releases needs words here, or the page cannot be made.
"""

from __future__ import annotations

import sys
from pathlib import Path

from regtools.registries.reading.releases import SINCE, Release, release

PAGE = Path(__file__).parents[2] / "notebooks" / "what-changes.md"
STEPS = (("4", "5"), ("5", "6.0"), ("6.0", "6.1"))

# Fact of the table → what the later release does, and what to do; None where a row above says it.
WORDS: dict[str, tuple[str, str] | None] = {
    "toml": (
        "TOML {new} is read instead of {old}: line breaks in inline tables, `\\e` and `\\x41` in text.",
        "Nothing. Older releases refuse files that use it.",
    ),
    "toml11_variable": (
        "The variable `BURNTSUSHI_TOML_110` counts in podman 5 only, where it turns TOML 1.1 on.",
        "Leave it unset.",
    ),
    "takes_last_list": (
        "A list that is written twice is an error.",
        "Join the two lists: older releases silently take the last one.",
    ),
    "accepts_bom": ("A byte-order mark at the start of a file is accepted.", "Nothing."),
    "converts_old_format": (
        "The old format (`[registries.search]`) is refused, and then no image can be pulled.",
        "`regtools convert old.conf -o registries.conf`.",
    ),
    "empty_old_list_counts": (
        "A file with an empty list of the old format is one in the old format.",
        "Remove the tables of the old format.",
    ),
    "empty_new_list_counts": (
        "An empty list of the current format makes a file in the old format a mixed one, which is refused.",
        "Remove the tables of the old format.",
    ),
    "knows_layer_helper": ("The key `additional-layer-store-auth-helper` has an effect.", "Nothing."),
    "knows_namespaces": (
        "The key `namespace-proxy` has an effect: the place is asked with `?ns=`. It must be text, or the file is "
        "refused.",
        "Write it where one mirror host serves several registries; put the value in quotes.",
    ),
    "trims_mirrors": (
        "The slash at the end of a mirror's location is removed. Before, no image below that `[[registry]]` can be "
        "pulled.",
        "Leave the slash out.",
    ),
    "main_variables": (
        "The variable `REGISTRIES_CONFIG_PATH` is not read.",
        "Set `CONTAINERS_REGISTRIES_CONF` instead.",
    ),
    "variable_drops_dropins": (
        "`CONTAINERS_REGISTRIES_CONF` switches all drop-ins off.",
        "Write everything into the file that it names.",
    ),
    "override_variable": ("`{new}` names a file that is merged last.", "Nothing, unless it is set."),
    "obeys_xdg": (
        "`XDG_CONFIG_HOME` names the folder of the user's files, if it is set.",
        "Move the files there, or unset it.",
    ),
    "system_roots": (
        "Files below `/usr/share/containers` are read, too.",
        "Look at them; the same name below `/etc/containers` replaces one.",
    ),
    "splits_by_user": (
        "There are drop-ins for root only (`registries.rootful.conf.d`) and for other users only "
        "(`registries.rootless.conf.d`).",
        "Nothing, unless these folders exist.",
    ),
    "masks_by_name": (
        "Drop-ins of all folders are merged in the order of their names; of two equal names one is read.",
        "Number the files across all folders, and give each its own name.",
    ),
    "user_file_hides_system": (
        "A user's main file no longer keeps the system's drop-ins from being read.",
        "Look at the drop-ins in `/etc/containers/registries.conf.d`.",
    ),
    "follows_linked_directory": ("A folder of drop-ins may be a symbolic link.", "Look into such folders."),
    "dangling_link_is_fatal": ("A drop-in that is a link to a missing file is skipped.", "Nothing."),
    "auth_variable_is_alone": (
        "An auth file that a variable names is the only one in which logins are looked for.",
        "Log in again with that variable set.",
    ),
    "blobs_move_on": (
        "A layer that a mirror does not deliver is fetched from the next source. Before, the pull fails.",
        "Nothing.",
    ),
    "mounts_into_machine": (
        "A `podman machine` has the folder `~/.config/containers` of its user mounted as its `/etc/containers`, over "
        "what the machine had there.",
        "Keep the machine's settings in that folder, the search list included.",
    ),
    "names_main_file": None,  # only the words of an error
}
HEAD = """# What changes with the next podman

From one release to the next: what it does otherwise with `registries.conf`, and what to do. To see what it means
for your own files, before you upgrade:

```console
$ regtools check --podman 5                                 # what podman 5 says, and what later ones change
$ regtools check --podman 6                                 # what podman 6.1 says to the same files
$ regtools explain --podman all quay.io/team/app:1          # where an image comes from, release by release
```

A bare 4, 5 or 6 means the newest one known: {newest}. A full number such as `6.0` or `5.4.2` is
that release. [Cheat sheet](cheat-sheet.md) · [Overview](00-start-here.ipynb)
"""


def page() -> str:
    """Return the page.

    Raises:
        KeyError: two releases differ in a fact that has no words.
    """
    newest = ", ".join(f"{name} is {release(name).version}" for name in ("4", "5", "6"))
    parts = [HEAD.format(newest=newest)]
    for old, new in STEPS:
        parts += [f"\n## From {old} to {new}\n", "| what changes | what to do |", "|:---|:---|"]
        parts += rows(release(old), release(new))
    return "\n".join(parts) + "\n"


def rows(old: Release, new: Release) -> list[str]:
    """Return a row for each fact in which two releases differ, in the order of the table."""
    found = []
    for fact in Release._fields[2:]:
        before, after = getattr(old, fact), getattr(new, fact)
        words = WORDS[fact] if before != after else None
        if words is None:
            continue
        change, advice = words
        first = SINCE.get(fact)
        late = f" (from {first} on)" if first and first != new.name else ""
        found.append(f"| {change.format(old=before, new=after)}{late} | {advice} |")
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        print(page(), end="")
