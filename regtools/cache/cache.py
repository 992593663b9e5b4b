"""The cache as one object: made, started, asked, stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from regtools.errors import RegtoolsError
from regtools.files import read_small, write_file
from regtools.registries.conf import RegistriesConf
from regtools.testbed.bed import Place
from regtools.testbed.process import Closing

from . import files, starting, status, verify
from .binaries import Binaries
from .engines import STATE, Engine, Podman
from .settings import DOCKER_HUB, Settings, bad, failed, load
from .status import Status, Traffic
from .verify import Verification

ENGINES: dict[str, type[Engine]] = {"podman": Podman, "binaries": Binaries}
ENGINE_FILE = "engine"
INSTALL = "sudo apt install podman  |  sudo apt install docker-registry redis-server"


class Cache(Closing):
    """A pull-through cache: a registry that fetches what it lacks, with or without Redis beside it.

    ::

        with Cache("https://registry-1.docker.io", port=0) as cache:
            print(cache.conf_text)          # the registries.conf drop-in: cache first, origin last
            print(cache.verify("nginx"))    # cold and warm, and whether podman went through it
            print(cache.status())

    Making one writes the files that are missing; entering the block starts it, leaving it stops it. What it
    has stored stays; without a ``folder`` of yours everything is temporary.

    Args:
        upstream: the registry behind it, ``https://host[:port]``.
        folder: where its files are or will be; None for a temporary one.
        engine: ``podman``, ``binaries``, or ``auto``: podman if it can, else the programs of this machine.
        username, password: the login for the upstream; kept in a file that only its owner can read.
        force: overwrite files that exist and differ.
        environ: the environment of what it starts; None for this process's own.
        **settings: further fields of :class:`~regtools.cache.settings.Settings`; ``port=0`` chooses
            free ones.

    Raises:
        RegtoolsError: ``bad-cache``, ``file-exists``, ``cache-failed``, each with what to do about it.
    """

    def __init__(
        self,
        upstream: str = DOCKER_HUB,
        folder: str | os.PathLike[str] | None = None,
        *,
        engine: str = "auto",
        username: str | None = None,
        password: str | None = None,
        force: bool = False,
        environ: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        if (username is None) != (password is None):
            raise bad("a login is a username and a password", "give both, or neither")
        if settings.get("port") == 0:
            settings["port"] = starting.free_ports(settings.get("bind", "127.0.0.1"))
        self._temporary = folder is None
        if self._temporary:  # beside others of its kind
            settings.setdefault("name", f"registry-cache-{secrets.token_hex(4)}")
        try:
            made = Settings(upstream.rstrip("/"), private=username is not None, **settings)
        except TypeError as error:
            raise bad(f"a cache has no such setting: {error}", "see regtools cache init --help") from error
        self.folder = Path(tempfile.mkdtemp(prefix="rt-cache-") if folder is None else folder).absolute()
        self._begin(made, engine, environ)
        try:
            planned = files.plan(made, self.folder)
            if username is not None and password is not None:
                planned = (*planned, files.secrets_env(username, password))
            self.written = files.write(self.folder, planned, force=force)
        except BaseException:
            self._forget()
            raise

    def _begin(self, settings: Settings, engine: str, environ: Mapping[str, str] | None) -> None:
        if engine != "auto" and engine not in ENGINES:
            raise bad(f"there is no engine {engine!r}", f"choose auto, {' or '.join(ENGINES)}")
        self.settings = settings
        self._wanted = engine
        self._environ = os.environ if environ is None else environ
        self.notes: list[str] = []

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        engine: str = "auto",
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the cache whose files are in ``folder`` already.

        Args:
            folder: the folder that ``regtools cache init`` or an earlier :class:`Cache` has filled.
            engine: ``podman``, ``binaries`` for this machine's own programs, or ``auto``.
            environ: variables for the programs; None for those of this process.

        Raises:
            RegtoolsError: ``bad-cache``: there is none.
        """
        cache = cls.__new__(cls)
        cache._temporary, cache.folder, cache.written = False, Path(folder).absolute(), []
        cache._begin(load(cache.folder), engine, environ)
        return cache

    @property
    def address(self) -> str:
        """``host:port`` at which the registry answers."""
        return self.settings.address

    @property
    def drop_in(self) -> Path:
        """The drop-in for registries.conf, as a file."""
        return self.folder / files.DROP_IN

    @property
    def conf_text(self) -> str:
        """The drop-in as text: the cache first, the origin last."""
        return files.drop_in(self.settings)

    @property
    def conf(self) -> RegistriesConf:
        """The drop-in as a :class:`~regtools.RegistriesConf`."""
        return RegistriesConf.from_toml(self.conf_text, file="registries.conf")

    @property
    def place(self) -> Place:
        """The place that leads to the cache and nowhere else, not even to the origin."""
        text = files.only_the_cache(self.settings)
        return Place(self.settings.name, RegistriesConf.from_toml(text, file="registries.conf"), text)

    @property
    def engine(self) -> str | None:
        """How it was started: ``podman`` or ``binaries``; None while it is down."""
        try:
            found = read_small(self.folder / STATE / ENGINE_FILE).decode().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return found if found in ENGINES else None

    def up(self) -> Self:
        """Start what does not run, and wait until the registry answers.

        Raises:
            RegtoolsError: it cannot be started, or does not answer; the message holds what it wrote last.
        """
        running = self._engine()
        if running and all(map(running.running, running.parts)):
            return self
        if not (running and running.running("registry")):
            starting.check_port(self.address)
            starting.check_port(self.settings.debug_address)
        errors: list[RegtoolsError] = []
        for engine in [running] if running else self._candidates(errors):
            try:
                self._start(engine)
                return self
            except RegtoolsError as error:
                if self._wanted != "auto" or running:
                    raise
                errors.append(error)
                self.notes.append(f"not by {engine.name}: {error.message}")
        if len(errors) == 1:
            raise errors[0]
        raise failed("; ".join(error.message for error in errors), errors[-1].hint)

    def _candidates(self, errors: list[RegtoolsError]) -> list[Engine]:
        """Return the engines that can be tried; append to ``errors`` what the others lack."""
        usable = []
        for engine in map(self._made, ENGINES if self._wanted == "auto" else [self._wanted]):
            if missing := engine.missing():
                errors.append(failed(missing, INSTALL))
            else:
                usable.append(engine)
        return usable

    def _start(self, engine: Engine) -> None:
        state = self.folder / STATE
        try:
            if self.settings.storage:
                Path(self.settings.storage).mkdir(parents=True, exist_ok=True)
            state.mkdir(exist_ok=True)
            write_file(state / ENGINE_FILE, f"{engine.name}\n")
        except OSError as error:
            raise failed(f"{error.filename}: {error.strerror}", "choose a folder of your own") from error
        try:
            starting.check_login(self.settings)
            engine.start()
            starting.wait(engine, self.settings)
        except BaseException:
            with suppress(RegtoolsError):
                engine.stop()
            (state / ENGINE_FILE).unlink(missing_ok=True)
            raise

    def down(self, *, purge: bool = False) -> None:
        """Stop it; what it has stored stays, unless ``purge``. Nothing happens to a cache that is down.

        Raises:
            RegtoolsError: podman refuses.
        """
        engine = self._engine()
        if engine:
            engine.stop()
            (self.folder / STATE / ENGINE_FILE).unlink(missing_ok=True)
        if purge:
            for each in [engine] if engine else map(self._made, ENGINES):
                if engine or not each.missing():
                    each.purge()

    def status(self) -> Status:
        """Look at everything; what cannot be asked is None in the answer, and a note says why."""
        engine, notes = self._engine(), []
        answering = bool(engine) and status.answers(self.address)
        counted = redis = found = None
        if engine:
            notes += [f"{part} is not running" for part in engine.parts if not engine.running(part)]
            if storage := engine.storage():
                found = status.stored(storage)
            if self.settings.redis:
                try:
                    redis = status.redis_use(engine.redis("INFO"))
                except RegtoolsError as error:
                    notes.append(f"{error.message}; pulls work without it")
        if answering:
            try:
                counted = status.read(self.settings.debug_address, self.settings.registry)
            except RegtoolsError as error:
                notes.append(error.message)
        reachable, words = status.upstream_state(self.settings.upstream)
        if answering and not reachable:
            notes.append("what is stored can be pulled meanwhile; new images cannot")
        return Status(
            name=self.settings.name,
            upstream=self.settings.upstream,
            address=self.address,
            engine=engine.means if engine else None,
            answers=answering,
            traffic=counted,
            stored=found,
            redis=redis,
            upstream_state=words,
            upstream_reachable=reachable,
            notes=tuple(notes),
        )

    def settle(self) -> Traffic:
        """Wait until it has stored what its clients have already, and return its counters.

        Raises:
            RegtoolsError: the counters cannot be read.
        """
        return verify.settled(self.settings)

    def verify(self, image: str) -> Verification:
        """Pull an image through it twice, and once by podman with the drop-in; keep nothing of it outside.

        Args:
            image: a name that goes through the cache; a short one gets its prefix.

        Raises:
            RegtoolsError: the cache is down, the name does not go through it, or a pull failed.
        """
        if not status.answers(self._up().settings.address):
            raise self._is_down()
        name = verify.full_name(image, self.settings)
        cold, warm = (verify.pull_through(name, self.settings, self.place.conf_text) for _ in range(2))
        used, note = verify.podman_used_it(name, self.settings, self.drop_in, self._environ)
        return Verification(name, cold, warm, used, note)

    def logs(self, part: str = "registry", tail: int | None = None) -> str:
        """Return what the ``registry`` or ``redis`` has written; the last ``tail`` lines.

        Raises:
            RegtoolsError: there is no log.
        """
        engine = self._engine() or self._made("binaries")
        if part not in engine.parts:
            raise bad(f"this cache has no {part}", f"it has {' and '.join(engine.parts)}")
        return engine.logs(part, tail)

    def stop(self, part: str) -> None:
        """Stop the ``registry`` or ``redis`` alone, to see what becomes of pulls; ``up`` starts it again."""
        self._up().stop_part(part)

    def redis(self, *words: str) -> str:
        """Send a command to its Redis and return what ``redis-cli`` prints.

        Raises:
            RegtoolsError: the cache is down, or its Redis does not answer.
        """
        return self._up().redis(*words)

    def close(self) -> None:
        """Stop it, and remove what was temporary."""
        if self.engine:
            self.down(purge=self._temporary)
        self._forget()

    def _forget(self) -> None:
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _engine(self) -> Engine | None:
        return self._made(self.engine) if self.engine else None

    def _up(self) -> Engine:
        engine = self._engine()
        if engine is None:
            raise self._is_down()
        return engine

    def _is_down(self) -> RegtoolsError:
        return failed("the cache is not running", f"start it: regtools cache up {self.folder}")

    def _made(self, name: str) -> Engine:
        return ENGINES[name](self.folder, self.settings, self._environ)

    def __enter__(self) -> Self:
        try:
            return self.up()
        except BaseException:
            self._forget()
            raise
