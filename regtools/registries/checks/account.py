"""What the account and the machine lack: programs, permissions, and files where podman looks for them.

Sources: containers-registries.conf(5) for ``credential-helpers``; containers-auth.json(5).
"""

from __future__ import annotations

import json
import posixpath
import stat
from collections.abc import Iterator

from regtools.errors import Place, RegtoolsError

from ..reading.credentials import AUTH_FILES, auth_files
from ..reading.host import Surroundings
from ..settings import Settings
from .finding import Finding
from .lenient import Sheet
from .rules import rule

_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of another machine
_DOCKER = "/etc/docker/daemon.json"
_DOCKER_KEYS = ("registry-mirrors", "insecure-registries")


def account(view: Settings, sheets: tuple[Sheet, ...], around: Surroundings) -> Iterator[Finding]:
    """Yield what keeps one account of a machine from pulling, and the files that are never read.

    Args:
        view: what is in force.
        sheets: its files.
        around: the machine, and whose account.
    """
    yield from _helpers(view, sheets, around)
    if around.uid not in (
        0,
        Surroundings().uid,
    ):  # root reads everything; our own failures are reported already
        for sheet in sheets:
            yield from _permissions(sheet, around)
    yield from _logins(view, around)
    yield from _docker(around)


def _helpers(view: Settings, sheets: tuple[Sheet, ...], around: Surroundings) -> Iterator[Finding]:
    """Yield the programs for logins that are not there."""
    path = _PROGRAMS if around.root != "/" else around.environ.get("PATH", _PROGRAMS)
    sheet = next((s for s in reversed(sheets) if s.document and s.document.settings.helpers), None)
    for index, helper in enumerate(view.credential_helpers if sheet else ()):
        program = f"docker-credential-{helper}"
        if helper == AUTH_FILES or any(around.exists(f"{folder}/{program}") for folder in path.split(":")):
            continue
        message = (
            f"the program {program} is not there, and podman stops before any request: no image can be "
            "pulled, not even a public one"
        )
        hint = f"install {program}, or take {helper!r} out of the list"
        assert sheet is not None
        yield sheet.finding("helper-missing", message, ("credential-helpers", index), hint=hint)


def _permissions(sheet: Sheet, around: Surroundings) -> Iterator[Finding]:
    """Yield a file, or a directory above it, that the account may not use."""
    path, wanted = sheet.file, stat.S_IROTH
    while path and path != "/":
        found = around.stat(path)
        if found is not None and not _allows(found.st_mode, found.st_uid, found.st_gid, wanted, around):
            verb, bit = ("read", "r") if wanted == stat.S_IROTH else ("enter", "x")
            message = (
                f"user {around.uid} may not {verb} {path}: it has {stat.filemode(found.st_mode)} and belongs "
                f"to user {found.st_uid} and group {found.st_gid}; podman stops, and no image can be pulled"
            )
            hint = f"chmod a+{bit} {path}"
            yield Finding(
                rule("unreadable-for-user").severity,
                "unreadable-for-user",
                message,
                Place(sheet.file),
                hint,
            )
            return
        path, wanted = posixpath.dirname(path), stat.S_IXOTH


def _allows(mode: int, owner: int, group: int, wanted: int, around: Surroundings) -> bool:
    """Return whether the bits for owner, group or others allow it to the account."""
    if owner == around.uid:
        return bool(mode & wanted << 6)
    mine = [row for row in around.rows("/etc/passwd") if len(row) > 3 and row[2] == str(around.uid)]
    own = any(row[3] == str(group) for row in mine)
    rows = (row for row in around.rows("/etc/group") if len(row) > 3 and row[2] == str(group))
    member = own or any(me[0] in row[3].split(",") for row in rows for me in mine)
    return bool(mode & (wanted << 3 if member else wanted))


def _logins(view: Settings, around: Surroundings) -> Iterator[Finding]:
    """Yield files with logins, or of Docker's, in directories of podman where nothing reads them."""
    read = auth_files(around, view.podman)
    folders = ("/etc/containers", *([f"{around.home}/.config/containers"] if around.home else []))
    for path in (f"{folder}/{name}" for folder in folders for name in ("auth.json", "config.json")):
        if path not in read and around.exists(path):
            message = f"podman does not look for logins here; it reads {', '.join(read[:2])}"
            hint = "run podman login again, or name this file in the environment variable REGISTRY_AUTH_FILE"
            yield Finding(rule("unread-login").severity, "unread-login", message, Place(path), hint)


def _docker(around: Surroundings) -> Iterator[Finding]:
    """Note settings that Docker has, and podman has not."""
    try:
        plain = json.loads(around.read(_DOCKER))
    except (RegtoolsError, ValueError, RecursionError):
        return
    keys = [key for key in _DOCKER_KEYS if isinstance(plain, dict) and plain.get(key)]
    if keys:
        message = f"podman does not read Docker's configuration, and so not its {' and '.join(keys)}"
        hint = f"if podman is to have the same: regtools convert {_DOCKER}"
        yield Finding(rule("docker-file").severity, "docker-file", message, Place(_DOCKER), hint)
