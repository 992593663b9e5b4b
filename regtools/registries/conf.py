"""The door to the configuration: read it, then ask it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from regtools.reference import Reference
from regtools.values import TYPE_CHECKING

from .reading.document import Document, dialect
from .reading.host import Surroundings
from .reading.lookup import Files, look_up
from .reading.releases import release as release_named
from .resolution import Resolution
from .resolve import resolve, resolve_many
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from .checks import Findings


class RegistriesConf(Settings):
    """The configuration of one release of podman: ``registries.conf`` and its companions.

    Make one with :meth:`load` or :meth:`from_toml`; it does not change afterwards. Its attributes are those
    of :class:`~regtools.registries.settings.Settings`.

    >>> conf = RegistriesConf.from_toml('unqualified-search-registries = ["quay.io"]')
    >>> conf.resolve("app").candidates[0].name
    'quay.io/app:latest'
    """

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        dropins: str | os.PathLike[str] | None = None,
        short_name_aliases: str | os.PathLike[str] | None = None,
        podman: str = "6",
        root: str | os.PathLike[str] = "/",
        environ: Mapping[str, str] | None = None,
        uid: int | None = None,
    ) -> RegistriesConf:
        """Read the files that this podman would read, or with a ``path`` only the files that are named.

        Args:
            path: the main file.
            dropins: the only drop-in directory.
            short_name_aliases: the file with remembered answers; it may be missing.
            podman: release, which decides look-up, rules and the TOML that is read: ``"4"``, ``"5"`` or
                ``"6"`` for the newest one known (4.3.1, 5.8, 6.1), or a full number such as ``"5.4.2"``.
            root: directory that holds the other machine's file system. The three paths above are outside it.
            environ: environment variables instead of this process's.
            uid: user ID instead of this process's.

        Raises:
            TomlError: a file is not TOML.
            RegtoolsError: anything else that stops podman; stage ``load``.

        Source: containers-registries.conf(5).
        """
        release = release_named(podman)
        around = Surroundings(root, environ, uid)
        names = [None if name is None else os.fsdecode(name) for name in (path, dropins, short_name_aliases)]
        files = look_up(release, around, path=names[0], dropins=names[1], aliases=names[2])
        toml = dialect(release, around.environ)
        documents = [
            Document.read(found.data, release, file=found.path, dropin=found.dropin, toml=toml)
            for found in files.read
        ]
        return cls(documents, release, files, toml, around)

    @classmethod
    def from_toml(
        cls,
        text: str | bytes,
        *,
        podman: str = "6",
        file: str | None = None,
        dropins: Mapping[str, str | bytes] | None = None,
        short_name_aliases: str | bytes | None = None,
    ) -> RegistriesConf:
        """Read the configuration from texts instead of files.

        Args:
            text: the main file.
            podman: release.
            file: name to show for it.
            dropins: name → text, merged over it in the order given.
            short_name_aliases: text of the file with remembered answers.

        Raises:
            TomlError, RegtoolsError: as :meth:`load`.
        """
        release = release_named(podman)
        for value in (text, *(dropins or {}).values()):
            if not isinstance(value, str | bytes):
                raise TypeError(f"the text of a file is wanted, not {type(value).__name__}")
        documents = [Document.read(text, release, file=file)]
        documents += [
            Document.read(data, release, file=name, dropin=True) for name, data in (dropins or {}).items()
        ]
        aliases = short_name_aliases.encode() if isinstance(short_name_aliases, str) else short_name_aliases
        alias_file = None if aliases is None else "short-name-aliases.conf"
        return cls(documents, release, Files(file, alias_file, aliases), release.toml)

    def resolve(self, name: str | Reference, tty: bool = False) -> Resolution:
        """Return where ``podman pull name`` would look, in order, and why.

        Args:
            name: the argument of ``podman pull``: a short or a full name, with or without ``docker://``.
            tty: whether standard input and output are a terminal, so that podman could ask.

        Raises:
            RegtoolsError: stage ``parse`` if it is not a name, ``resolve`` if it cannot be resolved. An entry
                that cannot be applied to the name raises nothing: it fails one candidate.
        """
        return resolve(self, name, tty=tty)

    def resolve_many(self, names: Iterable[str], tty: bool = False) -> pd.DataFrame:
        """Resolve many names, for instance all images of a cluster, into one table.

        Returns:
            One row for each source, in order. A name that cannot be resolved, and a candidate that fails,
            has one row with ``error`` set. Columns: ``image``, ``candidate`` and ``order`` (from 1),
            ``name``, ``reference``, ``kind``, ``insecure``, ``blocked_by``, ``error``, ``stage``.
        """
        return resolve_many(self, names, tty=tty)

    def check(self) -> Findings:
        """Find what has no effect in the files, cannot work, or changes with the next podman.

        Returns:
            A list in the order of the files and lines, which prints itself. Only the file with remembered
            answers can have errors, since podman accepts the others.
        """
        from .checks import check_conf

        return check_conf(self)
