"""``regtools cache``: a local mirror that really caches, from its files to the proof."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path

from regtools.cache import Cache
from regtools.cache.cache import ENGINES
from regtools.cache.files import read_secret
from regtools.cache.settings import bad
from regtools.cache.status import Status

from .output import NO, OK, complain, say, say_json
from .parser import ending, file, number

LONGEST_PASSWORD = 1 << 16  # characters; an endless line is none
VERBS = {
    "init": "write the files of a cache; a file that is there and differs is kept",
    "up": "start it, and wait until it answers",
    "status": "show hits and misses, stored bytes, Redis, and whether the upstream answers",
    "down": "stop it; what it has stored stays",
    "logs": "show what the registry, or Redis, has written",
    "verify": "pull an image through it twice and once by podman, and report whether it caches",
}
ENDING = ending(
    "0 done, 1 the answer is negative or it cannot be done, 2 wrong usage.",
    "regtools cache init hub",
    "regtools cache up hub",
    "sudo cp hub/registries.conf.d/50-regtools-cache.conf \\\n     /etc/containers/registries.conf.d/",
    "regtools cache verify hub docker.io/library/alpine",
    "regtools cache status hub",
    "regtools cache down hub",
)


def configure(parser: ArgumentParser) -> None:
    """Add the subcommands of ``cache``."""
    parser.epilog = ENDING
    adding = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs = {}
    for name, text in VERBS.items():
        verbs[name] = adding.add_parser(name, help=text, description=text, epilog=ENDING)
        verbs[name].add_argument("folder", metavar="DIR", type=file, help="the cache's folder")
    _configure_init(verbs["init"])
    text = "podman's containers, or this machine's programs (default: podman where it can)"
    verbs["up"].add_argument("--engine", choices=("auto", "podman", "binaries"), default="auto", help=text)
    add = verbs["down"].add_argument
    add("--purge", action="store_true", help="also remove what it has stored, after asking")
    add("--yes", action="store_true", help="do not ask")
    add = verbs["logs"].add_argument
    add("part", nargs="?", choices=("registry", "redis"), default="registry")
    add("--tail", type=number(1, 2**31), metavar="N", help="the last N lines only")
    verbs["verify"].add_argument("image", metavar="IMAGE", help="name that goes through the cache")
    for name in ("status", "verify"):
        verbs[name].add_argument("--json", action="store_true", help="print the answer as JSON")


def _configure_init(init: ArgumentParser) -> None:
    add = init.add_argument
    add("--upstream", default="https://registry-1.docker.io", metavar="URL", help="default: Docker Hub")
    text = "release of distribution (default: 3); Debian's docker-registry is 2"
    add("--registry", choices=("3", "2"), default="3", help=text)
    add("--redis", action="store_true", default=True, help="let Redis remember descriptors (the default)")
    add("--no-redis", action="store_false", dest="redis", help="leave that to the registry's own memory")
    add("--port", type=int, default=5000, metavar="N", help="first of three (default: 5000); 0: free ones")
    add("--bind", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1, for this machine alone")
    add("--storage", type=file, metavar="FOLDER", help="for blobs (default: a volume, or DIR/storage)")
    add("--ttl", default="", metavar="TIME", help="how long a blob is kept, e.g. 72h; distribution 3.x only")
    add("--prefix", default="", metavar="NAME", help="names that go through it (default: the upstream's)")
    add("--name", default="registry-cache", help="of containers, network, volume and units")
    add("--registry-image", default="", metavar="IMAGE", help="default: docker.io/library/registry:3, or :2")
    add("--redis-image", default="docker.io/library/redis:7", metavar="IMAGE", help="default: redis:7")
    add("--username", metavar="NAME", help="for an upstream that wants a login")
    add = init.add_mutually_exclusive_group().add_argument
    add("--password-file", metavar="FILE", type=file, help="its first line is the password")
    add("--password-stdin", action="store_true", help="read the password from standard input")
    init.add_argument("--force", action="store_true", help="overwrite files that are there and differ")


def run(options: Namespace) -> int:
    """Do what the verb says."""
    if options.verb == "init":
        return _init(options)
    cache = Cache.open(options.folder, engine=getattr(options, "engine", "auto"))
    if options.verb == "up":
        return _up(cache, options.engine)
    if options.verb == "down":
        return _down(cache, options)
    if options.verb == "logs":
        say(cache.logs(options.part, options.tail), end="")
        return OK
    found = cache.status() if options.verb == "status" else cache.verify(options.image)
    if options.json:
        say_json(found.to_dict())
    else:
        say(found)
    return OK if (found.answers if isinstance(found, Status) else found.ok) else NO


def _init(options: Namespace) -> int:
    names = ("registry", "redis", "port", "bind", "ttl", "prefix", "name", "registry_image", "redis_image")
    cache = Cache(
        options.upstream,
        options.folder,
        username=options.username,
        password=_password(options),
        force=options.force,
        storage=str(Path(options.storage).absolute()) if options.storage else "",
        **{name: getattr(options, name) for name in names},
    )
    for path in cache.written:
        say(f"wrote {cache.folder / path}")
    if not cache.written:
        say("All files are there already, as they would be written.")
    if cache.settings.open_to_others:
        what = "with your login" if cache.settings.private else "without any login, and over plain http"
        where = f"{cache.settings.bind}:{cache.settings.port}"
        complain(f"warning: everybody who reaches {where} pulls through it, {what}")
    say(f"\nStart it:  regtools cache up {options.folder}")
    say(f"Use it:    sudo cp {cache.drop_in} /etc/containers/registries.conf.d/")
    return OK


def _password(options: Namespace) -> str | None:
    if options.username is None:
        if options.password_file or options.password_stdin:
            raise bad("there is a password, but no username", "give --username")
        return None
    if options.password_file:
        try:
            text = read_secret(Path(options.password_file))
        except OSError as error:
            message = f"the password cannot be read from {options.password_file}: {error.strerror}"
            raise bad(message) from error
        return text.split("\n")[0].rstrip("\r")
    if sys.stdin.isatty() and not options.password_stdin:
        return getpass.getpass(f"Password of {options.username}: ")
    with suppress(UnicodeDecodeError):  # which would keep the password
        return sys.stdin.readline(LONGEST_PASSWORD).rstrip("\r\n")
    raise bad("the password is not UTF-8")


def _up(cache: Cache, engine: str) -> int:
    if sys.stderr.isatty() and cache.engine is None:
        complain("Starting; the first time podman fetches the images, which may take minutes …")
    cache.up()
    for note in cache.notes:
        complain(f"note: {note}")
    means = ENGINES[cache.engine or engine].means
    say(f"The cache of {cache.settings.upstream} answers at {cache.address}, by {means}.")
    return OK


def _down(cache: Cache, options: Namespace) -> int:
    if options.purge and not (options.yes or _agreed(cache)):
        complain("Nothing was done.")
        return NO
    was_up = cache.engine is not None
    cache.down(purge=options.purge)
    what = "It is down" if was_up else "It was not running"
    say(f"{what}; {'what it had stored is removed' if options.purge else 'what it has stored stays'}.")
    return OK


def _agreed(cache: Cache) -> bool:
    if not sys.stdin.isatty():
        raise bad("there is no terminal to ask whether to remove what is stored", "add --yes if you mean it")
    say(f"Remove all that the cache of {cache.settings.upstream} has stored? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
