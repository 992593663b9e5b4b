"""The configuration as a whole: files merged as podman merges them, and asked by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

from .entries import Mirror, Registry, best_prefix, build
from .reading.document import Document, dialect
from .reading.host import Surroundings
from .reading.lookup import Files, look_up
from .reading.releases import release as release_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import pandas as pd

    from regtools.reference import Reference

    from .checks import Findings
    from .reading.lookup import Ignored
    from .reading.releases import Release
    from .reading.schema import Path, Table
    from .resolution import Resolution

__all__ = ["Mirror", "RegistriesConf", "Registry"]

DEFAULT_MODE = "permissive"
DEFAULT_HELPERS = ("containers-auth.json",)


class RegistriesConf:
    """What ``registries.conf`` and its companions say, as one release of podman understands them.

    Make one by :meth:`load` or :meth:`from_toml`; it does not change afterwards.

    Attributes:
        podman: the release, ``"4"``, ``"5"`` or ``"6"``.
        documents: the files, in the order in which they are merged.
        files_read: their paths.
        files_ignored: what lies there but is not read: ``(path, why)`` each.
        main_file: path of the main file, there or not; None for text.
        alias_file: path of the file with remembered answers, there or not; None where none is asked for.
        unqualified_search_registries: the search list.
        short_name_mode: ``permissive``, ``enforcing`` or ``disabled``.
        aliases: short name → repository, without the erased ones and without the remembered answers.
        credential_helpers: programs asked for logins, in order.
        additional_layer_store_auth_helper: a program, or empty.
        surroundings: the machine whose files were read; logins and certificates are looked for there, too.

    >>> conf = RegistriesConf.from_toml('unqualified-search-registries = ["quay.io"]')
    >>> conf.resolve("app").candidates[0].name
    'quay.io/app:latest'
    """

    def __init__(
        self,
        documents: Iterable[Document],
        release: Release,
        files: Files,
        toml: str,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.documents = tuple(documents)
        self.release = release
        self.podman = release.name
        self.files_read = tuple(document.file for document in self.documents if document.file is not None)
        self.files_ignored: tuple[Ignored, ...] = tuple(files.ignored)
        self.main_file = files.main_file
        self.alias_file = files.alias_file
        self.surroundings = Surroundings() if surroundings is None else surroundings
        self.toml = toml
        self._alias_source = files.aliases
        self._alias_cache: Document | None = None
        self._merge()
        self._built: dict[str, Registry] = {}
        self._wild: bool | None = None
        self._blocks: bool | None = None
        self._heads: tuple[tuple[str, str, str], ...] | None = None

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
        """Read the files that this podman would read, or with a ``path`` only what is named.

        Args:
            path: the main file.
            dropins: the only drop-in directory.
            short_name_aliases: the file with remembered answers; it may be missing.
            podman: release, ``"4"``, ``"5"`` or ``"6"``: decides look-up, rules and the TOML that is read.
            root: directory that holds the file system looked at. The three paths above are outside of it.
            environ: environment variables instead of this process's.
            uid: user ID instead of this process's.

        Raises:
            TomlError: a file is no TOML.
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
        """Take a main file's text instead of reading files.

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
        files = Files(main_file=file, aliases=aliases)
        if aliases is not None:
            files.alias_file = "short-name-aliases.conf"
        return cls(documents, release, files, release.toml)

    def _merge(self) -> None:
        """Lay the files over one another: entries as a whole by prefix, lists as a whole, aliases by name."""
        self._entries: dict[str, Table] = {}
        self.aliases: dict[str, str] = {}
        search: list[str] = []
        helpers: list[str] = []
        mode = layer_helper = ""
        for document in self.documents:
            settings = document.settings
            self._entries = {**self._entries, **settings.entries} if self._entries else settings.entries
            self.aliases.update(settings.aliases)
            search = search if settings.search is None else settings.search
            helpers = helpers if settings.helpers is None else settings.helpers
            mode = settings.mode or mode
            layer_helper = settings.layer_helper or layer_helper
        self.aliases = {name: target for name, target in self.aliases.items() if target}
        self.unqualified_search_registries = tuple(search)
        self.short_name_mode = mode or DEFAULT_MODE
        self.credential_helpers = tuple(helpers) or DEFAULT_HELPERS
        self.additional_layer_store_auth_helper = layer_helper

    # -- entries ------------------------------------------------------------------------------------------

    @property
    def registries(self) -> tuple[Registry, ...]:
        """All entries, in the byte order of their prefixes."""
        return tuple(self.registry(prefix) for prefix in sorted(self._entries))

    @property
    def prefixes(self) -> frozenset[str]:
        """The prefixes of all entries."""
        return frozenset(self._entries)

    def registry(self, prefix: str) -> Registry:
        """Give the entry with exactly this prefix.

        Raises:
            KeyError: there is none.
        """
        built = self._built.get(prefix)
        if built is None:
            built = self._built[prefix] = build(prefix, self._entries[prefix])
        return built

    def find(self, name: str) -> Registry | None:
        """Give the entry that governs a repository, or None.

        Args:
            name: domain and path without tag and digest, such as ``docker.io/library/nginx``.
        """
        if self._wild is None:
            self._wild = any(prefix.startswith("*.") for prefix in self._entries)
        prefix = best_prefix(self._entries, name, wildcards=self._wild)
        return None if prefix is None else self._built.get(prefix) or self.registry(prefix)

    @property
    def blocks(self) -> bool:
        """Whether any entry is blocked."""
        if self._blocks is None:
            self._blocks = any(table.get("blocked", False) for table in self._entries.values())
        return self._blocks

    # -- short names --------------------------------------------------------------------------------------

    @property
    def remembered(self) -> dict[str, str]:
        """The aliases that podman keeps itself: the answers to its question. An empty one erases.

        Raises:
            RegtoolsError: stage ``resolve``; what is wrong with that file breaks short names only.
        """
        cache = self.alias_document
        return {} if cache is None else cache.settings.aliases

    @property
    def alias_document(self) -> Document | None:
        """The file of :attr:`remembered`, or None where there is none."""
        if isinstance(self._alias_source, RegtoolsError):
            raise self._alias_source
        if self._alias_cache is None and self._alias_source is not None:
            self._alias_cache = Document.read_aliases(
                self._alias_source, self.release, file=self.alias_file, toml=self.toml
            )
        return self._alias_cache

    # -- where things stand -------------------------------------------------------------------------------

    def place(self, prefix: str, *key: str | int) -> Place:
        """Give where an entry stands, or a key in it; the entry's header where the key is not written."""
        document = self.setter(lambda document: prefix in document.settings.entries)
        if document is None:
            return Place(None)
        path = document.entry_path(prefix)
        if document.settings.old_format or document.span((*path, *key)) is None:
            return document.place(path)
        return document.place((*path, *key))

    def setting_place(self, *path: str | int) -> Place | None:
        """Give where a setting of the merged configuration was made, or None where nobody made it."""
        document = self.setter(lambda document: _sets(document, path))
        return None if document is None else document.place(_in_old_format(document, path))

    def setter(self, wanted: Any) -> Document | None:
        """Give the last document for which ``wanted`` is true: the one that counts."""
        return next((document for document in reversed(self.documents) if wanted(document)), None)

    # -- answers ------------------------------------------------------------------------------------------

    def resolve(self, name: str | Reference, tty: bool = False) -> Resolution:
        """Tell where ``podman pull name`` would look, in order, and why.

        Args:
            name: what is given to ``podman pull``: short or whole, with or without ``docker://``.
            tty: whether standard input and output are a terminal, so that podman could ask.

        Raises:
            RegtoolsError: stage ``parse`` where it is no name, ``resolve`` where it leads nowhere. An entry
                that cannot be applied is not raised: it fails one candidate.
        """
        from .resolve import resolve

        return resolve(self, name, tty=tty)

    def resolve_many(self, names: Iterable[str], tty: bool = False) -> pd.DataFrame:
        """Resolve many names, for instance all images of a cluster, into one table.

        Returns:
            One row a source, in order; a name that leads nowhere, and a candidate that fails, has one row
            with ``error`` set. Columns: ``image``, ``candidate`` and ``order`` (from 1), ``name``,
            ``reference``, ``kind``, ``insecure``, ``blocked_by``, ``error``, ``stage``.
        """
        from .resolve import resolve_many

        return resolve_many(self, names, tty=tty)

    def check(self) -> Findings:
        """Say what is in the files without effect, cannot work, or changes with the next podman.

        Returns:
            A list, in the order of the files and lines, that shows itself. An error can only be one of the
            file with remembered answers, since podman accepts the others.
        """
        from .checks import check_conf

        return check_conf(self)

    def to_dict(self) -> dict[str, Any]:
        """Give what is in force as plain data."""
        return {
            "registries": [registry.to_dict() for registry in self.registries],
            "unqualified_search_registries": list(self.unqualified_search_registries),
            "short_name_mode": self.short_name_mode,
            "credential_helpers": list(self.credential_helpers),
        }

    def __repr__(self) -> str:
        files = ", ".join(self.files_read) or "no file"
        return f"<RegistriesConf of podman {self.podman}: {len(self._entries)} entries; {files}>"


def _sets(document: Document, path: Path) -> bool:
    settings = document.settings
    match path[0]:
        case "aliases":
            return path[1] in settings.aliases
        case "short-name-mode":
            return bool(settings.mode)
        case "credential-helpers":
            return settings.helpers is not None
        case _:
            return settings.search is not None


def _in_old_format(document: Document, path: Path) -> Path:
    if document.settings.old_format and path[0] == "unqualified-search-registries":
        return ("registries", "search", "registries", *path[1:])
    return path
