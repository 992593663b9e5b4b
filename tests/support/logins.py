"""A user's home with logins and certificates in it, and a search for secrets in everything that is shown."""

from __future__ import annotations

import json
import os
import traceback
from base64 import b64encode
from pathlib import Path
from typing import Any

from regtools.campaigns.journal import append
from regtools.pull.records import Pull
from regtools.registries.conf import RegistriesConf
from tests.support.confs import text_leading_to

USER, PASSWORD, TOKEN, IDENTITY = "ann", "s3cr3t-p4ssw0rd", "s3cr3t-t0ken", "s3cr3t-1dentity"
PAIR = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, TOKEN, IDENTITY, PAIR, "s3cr3t")


class Home:
    """A folder as ``HOME``, whose files and programs a configuration made here finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"HOME": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        folder.mkdir(parents=True, exist_ok=True)

    def conf(self, primary: str, *, extra: str = "", podman: str = "6", **more: Any) -> RegistriesConf:
        path = self.folder / "registries.conf"
        path.write_text(extra + text_leading_to(primary, **more))
        return RegistriesConf.load(path, podman=podman, environ=self.environ)

    def put(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def auth(self, entries: dict[str, Any], **more: Any) -> Path:
        return self.put(".config/containers/auth.json", {"auths": entries, **more})

    def login(self, host: str, pair: str = PAIR, **more: str) -> Path:
        return self.auth({host: {"auth": pair, **more}})

    def program(self, name: str, script: str) -> Path:
        path = self.put(f"bin/docker-credential-{name}", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def certs(self, host: str) -> Path:
        path = self.folder / ".config/containers/certs.d" / host
        path.mkdir(parents=True, exist_ok=True)
        return path


def everything_shown(pulled: Pull, folder: Path) -> str:
    """All texts in which a pull shows itself."""
    journal = folder / "shown.jsonl"
    append(journal, pulled)
    shown = [
        repr(pulled),
        str(pulled),
        pulled._repr_html_(),
        json.dumps(pulled.to_dict()),
        journal.read_text(),
    ]
    journal.unlink()
    return "\n".join(shown)


def everything_told(error: BaseException) -> str:
    """All texts in which an error shows itself: with its causes, and with the variables of our frames."""
    told = []
    cause: BaseException | None = error
    while cause is not None:
        seen = traceback.TracebackException.from_exception(cause, capture_locals=True)
        own = [frame for frame in seen.stack if f"{os.sep}tests{os.sep}" not in frame.filename]
        told += [repr(cause), str(cause), repr(vars(cause)), *traceback.StackSummary.from_list(own).format()]
        told += [repr(frame.locals) for frame in own]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(told)


def found_in(text: str) -> list[str]:
    """The secrets that stand in a text."""
    return [secret for secret in SECRETS if secret in text]
