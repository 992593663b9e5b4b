"""What is in force: the files of one configuration merged as podman merges them, and indexed for questions.

Resolving, reasons, advice, checks and the writer take a :class:`Settings`;
:class:`~regtools.registries.conf.RegistriesConf` is the same value with the doors that users knock at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from regtools.display import visible
from regtools.errors import Place, RegtoolsError
from regtools.values import TYPE_CHECKING

from .entries import Registry, best_prefix, build
from .reading.document import Document
from .reading.host import Surroundings
from .reading.lookup import Files
from .reading.releases import Release
from .reading.schema import Path, Table

if TYPE_CHECKING:
    from typing import Any

SEARCH = "unqualified-search-registries"
DEFAULT_MODE = "permissive"
DEFAULT_HELPERS = ("containers-auth.json",)


class Settings:
    """What ``registries.conf`` and its companions set, as one release of podman understands them. Frozen.

    Attributes:
        documents: the files, in the order in which they are merged.
        release: the rules of the podman release; ``podman`` is its name, ``"5"`` or ``"5.4.2"``.
        toml: the TOML that was read, ``"1.0"`` or ``"1.1"``.
        files_read: paths of the files.
        files_ignored: files that exist but are not read: ``(path, why)`` each.
        main_file: path of the main file, whether it exists or not; None for text.
        alias_file: path of the file with remembered answers, whether it exists or not; None if none is read.
        surroundings: the machine whose files were read; logins and certificates are looked for there, too.
        unqualified_search_registries: the search list.
        short_name_mode: ``permissive``, ``enforcing`` or ``disabled``.
        aliases: short name → repository, without erased aliases and without remembered answers.
        credential_helpers: programs that are asked for logins, in order.
        additional_layer_store_auth_helper: a program, or empty.
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
        self.toml = toml
        self.files_read = tuple(document.file for document in self.documents if document.file is not None)
        self.files_ignored = tuple(files.ignored)
        self.main_file = files.main_file
        self.alias_file = files.alias_file
        self.surroundings = Surroundings() if surroundings is None else surroundings
        self._answers = files.aliases
        # Entries and lists replace one another as a whole, aliases one by one.
        entries: dict[str, Table] = {}
        aliases: dict[str, str] = {}
        search: list[str] = []
        helpers: list[str] = []
        mode = layer_helper = ""
        for document in self.documents:
            settings = document.settings
            entries = {**entries, **settings.entries} if entries else settings.entries
            aliases.update(settings.aliases)
            search = search if settings.search is None else settings.search
            helpers = helpers if settings.helpers is None else settings.helpers
            mode = settings.mode or mode
            layer_helper = settings.layer_helper or layer_helper
        self.aliases = {name: target for name, target in aliases.items() if target}
        self.unqualified_search_registries = tuple(search)
        self.short_name_mode = mode or DEFAULT_MODE
        self.credential_helpers = tuple(helpers) or DEFAULT_HELPERS
        self.additional_layer_store_auth_helper = layer_helper
        self._entries = entries
        self._built: dict[str, Registry] = {}

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            raise AttributeError(f"{name} cannot be changed: a configuration is frozen")
        super().__setattr__(name, value)

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
        """Return the entry with exactly this prefix.

        Raises:
            KeyError: there is none.
        """
        built = self._built.get(prefix)
        if built is None:
            built = self._built[prefix] = build(prefix, self._entries[prefix])
        return built

    @cached_property
    def blocks(self) -> bool:
        """Whether any entry is blocked."""
        return any(table.get("blocked", False) for table in self._entries.values())

    @cached_property
    def _wild(self) -> bool:
        return any(prefix.startswith("*.") for prefix in self._entries)

    def find(self, name: str) -> Registry | None:
        """Return the entry that governs a repository, or None.

        Args:
            name: domain and path without tag and digest, such as ``docker.io/library/nginx``.
        """
        prefix = best_prefix(self._entries, name, wildcards=self._wild)
        return None if prefix is None else self._built.get(prefix) or self.registry(prefix)

    # -- remembered answers -------------------------------------------------------------------------------

    @property
    def remembered(self) -> dict[str, str]:
        """The aliases that podman keeps itself: the answers to its question. An empty one erases.

        Raises:
            RegtoolsError: stage ``resolve``; a fault in that file breaks short names only.
        """
        document = self.alias_document
        return {} if document is None else document.settings.aliases

    @cached_property
    def alias_document(self) -> Document | None:
        """The file of :attr:`remembered`, or None if it does not exist; raises the same errors."""
        if isinstance(self._answers, RegtoolsError):
            raise self._answers.with_traceback(None)  # else it grows with each name that asks
        if self._answers is None:
            return None
        return Document.read(self._answers, self.release, file=self.alias_file, toml=self.toml, answers=True)

    # -- where each thing was decided ---------------------------------------------------------------------

    def place(self, prefix: str, *key: str | int) -> Place:
        """Return the place of an entry or of a key in it; of its header if the key is not written.

        An entry without ``prefix`` has its location as prefix, so that is the place of its ``"prefix"``.
        """
        document = self.setter(lambda document: prefix in document.settings.entries)
        if document is None:
            return Place(None)
        entry = document.entry_path(prefix)
        paths = [(*entry, *key), *([(*entry, "location")] if key == ("prefix",) else [])]
        written = (path for path in paths if document.span(path) and not document.settings.old_format)
        return document.place(next(written, entry))

    def setting_place(self, *path: str | int) -> Place | None:
        """Return the place where a merged setting, or an alias, was made; None for a default."""
        document = self.setter(lambda document: _sets(document, path))
        if document is None:
            return None
        if path[0] == SEARCH:
            path = (*document.settings.search_path, *path[1:])
        return document.place(path)

    def setter(self, wanted: Callable[..., bool]) -> Document | None:
        """Return the last document for which ``wanted`` is true: the one that counts."""
        return next((document for document in reversed(self.documents) if wanted(document)), None)

    # -- looks --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return what is in force as plain data."""
        return {
            "registries": [registry.to_dict() for registry in self.registries],
            "unqualified_search_registries": list(self.unqualified_search_registries),
            "short_name_mode": self.short_name_mode,
            "credential_helpers": list(self.credential_helpers),
        }

    def __repr__(self) -> str:
        files = ", ".join(self.files_read) or "no file"
        text = f"<{type(self).__name__} of podman {self.podman}: {len(self._entries)} entries; {files}>"
        return visible(text)


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
