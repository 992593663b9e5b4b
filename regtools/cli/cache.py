"""``regtools cache``: a local mirror that really caches, from its files to the proof."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from regtools.cache import Cache

EPILOG = """\
  regtools cache init hub
  regtools cache up hub
  sudo cp hub/registries.conf.d/50-regtools-cache.conf /etc/containers/registries.conf.d/
  regtools cache verify hub docker.io/library/alpine
  regtools cache status hub
  regtools cache down hub"""


def configure(parser: ArgumentParser) -> None:
    """Add the subcommands of ``cache``."""
    from argparse import RawDescriptionHelpFormatter

    parser.epilog = EPILOG
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def add(name: str, text: str) -> ArgumentParser:
        verb = verbs.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=RawDescriptionHelpFormatter,
        )
        verb.add_argument("folder", metavar="DIR", help="the cache's folder")
        return verb

    _configure_init(add("init", "write the files of a cache, over nothing that is there and differs"))
    up = add("up", "start it, and wait until it answers")
    up.add_argument(
        "--engine",
        choices=("auto", "podman", "binaries"),
        default="auto",
        help="podman's containers, or this machine's programs (default: podman where it can)",
    )
    status = add("status", "show hits and misses, stored bytes, Redis, and whether the upstream answers")
    down = add("down", "stop it; what it has stored stays")
    down.add_argument("--purge", action="store_true", help="also remove what it has stored, after asking")
    down.add_argument("--yes", action="store_true", help="do not ask")
    logs = add("logs", "show what the registry, or Redis, has written")
    logs.add_argument("part", nargs="?", choices=("registry", "redis"), default="registry")
    logs.add_argument("--tail", type=int, metavar="N", help="the last N lines only")
    verify = add("verify", "pull an image through it twice, and once by podman, and say whether it caches")
    verify.add_argument("image", metavar="IMAGE")
    for each in (status, verify):
        each.add_argument("--json", action="store_true", help="print the answer as JSON")


def _configure_init(init: ArgumentParser) -> None:
    add = init.add_argument
    add("--upstream", default="https://registry-1.docker.io", metavar="URL", help="default: Docker Hub")
    add(
        "--registry",
        choices=("2", "3"),
        default="2",
        help="release of distribution (default: 2)",
    )
    add("--redis", action="store_true", default=True, help="let Redis remember descriptors (the default)")
    add("--no-redis", action="store_false", dest="redis", help="leave that to the registry's own memory")
    add(
        "--port",
        type=int,
        default=5000,
        help="default: 5000; also uses the two after it; 0: free ones",
    )
    add("--bind", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1, for this machine alone")
    add(
        "--storage",
        default="",
        metavar="FOLDER",
        help="for blobs (default: a podman volume, or DIR/storage)",
    )
    add("--ttl", default="", metavar="TIME", help="how long a blob is kept, e.g. 72h; distribution 3.x only")
    add(
        "--prefix",
        default="",
        metavar="NAME",
        help="names that go through it (default: the upstream's)",
    )
    add("--name", default="registry-cache", help="of containers, network, volume and units")
    add("--registry-image", default="", metavar="IMAGE", help="default: docker.io/library/registry:2, or :3")
    add("--redis-image", default="docker.io/library/redis:7", metavar="IMAGE")
    add("--username", metavar="NAME", help="for an upstream that wants a login")
    where = init.add_mutually_exclusive_group()
    where.add_argument("--password-file", metavar="FILE", help="its first line is the password")
    where.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add("--force", action="store_true", help="overwrite files that are there and differ")


def run(options: Namespace) -> int:
    """Do what the verb says."""
    status: int = _VERBS[options.verb](options)
    return status


def _init(options: Namespace) -> int:
    from pathlib import Path

    from regtools.cache import Cache

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
        print(f"wrote {cache.folder / path}")
    if not cache.written:
        print("All files are there already, as they would be written.")
    _warn(cache)
    print(f"\nStart it:  regtools cache up {options.folder}")
    print(f"Use it:    sudo cp {cache.drop_in} /etc/containers/registries.conf.d/")
    return 0


def _warn(cache: Cache) -> None:
    if cache.settings.open_to_others:
        what = "with your login" if cache.settings.private else "without any login, and over plain http"
        where = f"{cache.settings.bind}:{cache.settings.port}"
        print(f"warning: everybody who reaches {where} pulls through it, {what}", file=sys.stderr)


def _password(options: Namespace) -> str | None:
    from regtools.cache.settings import bad

    if options.username is None:
        if options.password_file or options.password_stdin:
            raise bad("there is a password, but no username", "give --username")
        return None
    if options.password_file:
        from pathlib import Path

        try:
            text = Path(options.password_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise bad(f"the password cannot be read from {options.password_file}: {reason}") from error
        return text.split("\n")[0].rstrip("\r")
    if sys.stdin.isatty() and not options.password_stdin:
        from getpass import getpass

        return getpass(f"Password of {options.username}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _up(options: Namespace) -> int:
    from regtools.cache import Cache
    from regtools.cache.cache import ENGINES

    cache = Cache.open(options.folder, engine=options.engine)
    if sys.stderr.isatty() and cache.engine is None:
        print("Starting; the first time podman fetches the images, which may take minutes …", file=sys.stderr)
    cache.up()
    for note in cache.notes:
        print(f"note: {note}", file=sys.stderr)
    means = ENGINES[cache.engine or options.engine].means
    print(f"The cache of {cache.settings.upstream} answers at {cache.address}, by {means}.")
    return 0


def _status(options: Namespace) -> int:
    from regtools.cache import Cache

    found = Cache.open(options.folder).status()
    print(json.dumps(found.to_dict(), indent=2) if options.json else found)
    return 0 if found.answers else 1


def _down(options: Namespace) -> int:
    from regtools.cache import Cache

    cache = Cache.open(options.folder)
    if options.purge and not (options.yes or _agreed(cache)):
        print("Nothing was done.", file=sys.stderr)
        return 1
    was_up = cache.engine is not None
    cache.down(purge=options.purge)
    what = "It is down" if was_up else "It was not running"
    print(f"{what}; {'what it had stored is removed' if options.purge else 'what it has stored stays'}.")
    return 0


def _agreed(cache: Cache) -> bool:
    if not sys.stdin.isatty():
        from regtools.cache.settings import bad

        raise bad("nobody is here to be asked whether to remove what is stored", "say --yes if you mean it")
    question = f"Remove all that the cache of {cache.settings.upstream} has stored? [y/N] "
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _logs(options: Namespace) -> int:
    from regtools.cache import Cache

    sys.stdout.write(Cache.open(options.folder).logs(options.part, options.tail))
    return 0


def _verify(options: Namespace) -> int:
    from regtools.cache import Cache

    found = Cache.open(options.folder).verify(options.image)
    print(json.dumps(found.to_dict(), indent=2) if options.json else found)
    return 0 if found.ok else 1


_VERBS = {"init": _init, "up": _up, "status": _status, "down": _down, "logs": _logs, "verify": _verify}
