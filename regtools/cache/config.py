"""The registry's config.yml and Redis's redis.conf: each setting under a line that says what it does.

Sources: distribution's "Configuring a registry" for 2.8 and for 3.x, and Redis's own redis.conf. What is said
about 2.8 was seen with 2.8.2. Two things differ in 3.x here: how Redis is named, and that it can be told the
time to live.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .settings import Settings

__all__ = [
    "CONFIG_PATH",
    "DATA_PATH",
    "REDIS_PATH",
    "Surroundings",
    "config_yml",
    "in_container",
    "redis_conf",
]

CONFIG_PATH = {"2": "/etc/docker/registry/config.yml", "3": "/etc/distribution/config.yml"}
DATA_PATH = "/var/lib/registry"
REDIS_PATH = "/usr/local/etc/redis/redis.conf"
REDIS_PORT = 6379


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the programs find each other: in containers, or directly on this machine."""

    addr: str
    debug_addr: str
    root: str
    redis_addr: str
    redis_bind: str
    redis_port: int
    where: str
    debug_note: str
    redis_note: str


def in_container(settings: Settings) -> Surroundings:
    """Inside the network of the two containers; only published ports are reached from outside."""
    return Surroundings(
        addr=":5000",
        debug_addr=":5001",
        root=DATA_PATH,
        redis_addr=f"{settings.name}-redis:{REDIS_PORT}",
        redis_bind="* -::*",
        redis_port=REDIS_PORT,
        where=f"The container sees this file as {CONFIG_PATH[settings.registry]}.",
        debug_note="inside the container; podman publishes it on loopback only",
        redis_note="in the containers' own network, where only the registry is; its port is not published",
    )


def on_host(settings: Settings, root: str) -> Surroundings:
    """Directly on this machine, with the programs that it has."""
    return Surroundings(
        addr=f"{settings.bind}:{settings.port}",
        debug_addr=settings.debug_address,
        root=settings.storage or root,
        redis_addr=f"127.0.0.1:{settings.redis_port}",
        redis_bind="127.0.0.1",
        redis_port=settings.redis_port,
        where="For a registry that runs without container; give it as the argument of `serve`.",
        debug_note="on loopback only",
        redis_note="on loopback only",
    )


def config_yml(settings: Settings, around: Surroundings) -> str:
    """Write the registry's configuration, for distribution 2.x or 3.x.

    The values are quoted as JSON, which is YAML, wherever they come from outside.
    """
    parts = [_head(settings, around), _storage(settings, around), _http(around), _rest(settings)]
    if settings.redis:
        parts.append(_redis(settings, around))
    parts.append(_proxy(settings))
    return "\n".join(parts)


def _head(settings: Settings, around: Surroundings) -> str:
    return f"""\
# A pull-through cache of {settings.upstream}, for distribution {settings.registry}.x.
# {around.where}
# No login and no token stands in this file: they are in secrets.env, which only its owner can read.

# Of this format; there is no other yet.
version: 0.1

log:
  # How much is told: error, warn, info or debug. info is a few lines a request, debug is many.
  level: info
  # The same requests once more in the form of web servers' logs: not needed beside level info.
  accesslog:
    disabled: true
  # Added to every line, to tell this registry from others in one journal.
  fields:
    service: {_quote(settings.name)}
"""


def _storage(settings: Settings, around: Surroundings) -> str:
    memory = (
        "redis keeps it longer than the registry runs"
        if settings.redis
        else "inmemory forgets it with the registry"
    )
    return f"""\
storage:
  filesystem:
    # Where manifests and blobs lie. distribution recommends the filesystem, and no other driver, for caches.
    rootdirectory: {_quote(around.root)}
  delete:
    # Has to be true here. It lets the registry itself remove what is older than its time to live; with false
    # every removal ends in "operation unsupported" and the disk fills up. It opens nothing to clients: a
    # pull-through cache answers DELETE, and pushes, with 405.
    enabled: true
  cache:
    # Who remembers descriptors (of a blob its digest, size, type):
    # {memory}. Either saves a look at the disk, and no more.
    blobdescriptor: {"redis" if settings.redis else "inmemory"}
  maintenance:
    # Removes what interrupted downloads left behind. Many recipes turn it off, as nobody uploads to a cache;
    # but a cache stores each blob by an upload of its own, and one that is cut off stays there for ever.
    uploadpurging:
      enabled: true
      # Parts older than this go …
      age: 24h
      # … once in this time …
      interval: 24h
      # … and really: true would only list them.
      dryrun: false
"""


def _http(around: Surroundings) -> str:
    return f"""\
http:
  # Where the registry answers.
  addr: {_quote(around.addr)}
  # http.secret is left out on purpose: it signs uploads, where several registries share a storage. The
  # registry makes one up, and says so in its log.
  headers:
    # Keeps browsers from taking a blob for a web page.
    X-Content-Type-Options: [nosniff]
  debug:
    # Counters (/debug/vars), health (/debug/health) and Go's profiler, without any login:
    # {around.debug_note}.
    # Recipes that publish it for all addresses show all of that to everybody.
    addr: {_quote(around.debug_addr)}
    prometheus:
      # The same counters for Prometheus; `regtools cache status` reads them.
      enabled: true
      # Where Prometheus looks for them.
      path: /metrics
"""


def _rest(settings: Settings) -> str:
    return """\
notifications:
  endpoints:
    # Tells a program of yours about every pull; the name is for the log.
    - name: listener
      # It is off.
      disabled: true
      # Where that program would listen.
      url: http://127.0.0.1:8080/events
      # Recipes put "Authorization: [Bearer …]" here, where everybody who reads this file finds it. Let the
      # program listen on loopback instead.
      headers: {}
      # How long one message may take, …
      timeout: 1s
      # … after how many failures in a row to pause, …
      threshold: 10
      # … and for how long.
      backoff: 1s

health:
  storagedriver:
    # Looks at the storage from time to time; while it cannot be reached, the registry answers 503, and podman
    # goes on to the origin.
    enabled: true
    # How often, …
    interval: 10s
    # … and how many failures in a row it takes.
    threshold: 3
"""


def _redis(settings: Settings, around: Surroundings) -> str:
    head = f"""\
redis:
  # Where Redis is: {around.redis_note}.
"""
    if settings.registry == "2":
        return f"""{head}  addr: {_quote(around.redis_addr)}
  # Which of Redis's numbered databases.
  db: 0
  # What a Redis that has gone, or hangs, may cost a request: to connect, …
  dialtimeout: 100ms
  # … to hear its answer, …
  readtimeout: 100ms
  # … and to ask. Then the registry looks at its disk.
  writetimeout: 100ms
  pool:
    # Connections that stay open while idle, …
    maxidle: 16
    # … that are open at once at most, …
    maxactive: 64
    # … and how long an idle one is kept.
    idletimeout: 300s
"""
    return f"""{head}  # 3.x takes a list; more than one address means a cluster.
  addrs: [{_quote(around.redis_addr)}]
  # Which of Redis's numbered databases.
  db: 0
  # What a Redis that has gone, or hangs, may cost a request: to connect, …
  dialtimeout: 100ms
  # … to hear its answer, …
  readtimeout: 100ms
  # … and to ask. Then the registry looks at its disk.
  writetimeout: 100ms
  # Connections that stay open while idle, …
  maxidleconns: 16
  # … that are open at once at most, …
  poolsize: 64
  # … and how long an idle one is kept. (2.x had these three in a table `pool`, under other names.)
  connmaxidletime: 300s
"""


def _proxy(settings: Settings) -> str:
    login = (
        "  # Its login comes from secrets.env, as REGISTRY_PROXY_USERNAME and REGISTRY_PROXY_PASSWORD.\n"
        "  # Whoever reaches this cache pulls with it.\n"
        if settings.private
        else ""
    )
    kept = (
        f"  # How long a blob is kept, used or not; 0 is for ever.\n  ttl: {settings.ttl or '168h'}\n"
        if settings.registry == "3"
        else "  # 2.x keeps a blob for 168 hours, used or not; it does not know the key ttl.\n"
    )
    return f"""\
proxy:
  # What makes it a cache: where to fetch what is not stored yet. One cache, one upstream. What a tag
  # means is asked there each time, and answered from the storage only while nobody answers there.
  remoteurl: {_quote(settings.upstream)}
{login}{kept}"""


def redis_conf(settings: Settings, around: Surroundings) -> str:
    """Write Redis's configuration: a cache of descriptors and nothing else."""
    return f"""\
# Redis for the cache {settings.name}: remembers descriptors of blobs, a few hundred bytes each.

# Where it answers: {around.redis_note}.
bind {around.redis_bind}
port {around.redis_port}

# Refuses all but loopback while there is no password. {_protected(around)}

# Never more than this, …
maxmemory 512mb

# … and then the least recently used goes: the registry sets no expiry of its own.
maxmemory-policy allkeys-lru

# Nothing is written to disk. A Redis that starts empty costs a look at the registry's storage; one that
# remembers blobs which the storage has lost makes pulls fail.
save ""
appendonly no
"""


def _protected(around: Surroundings) -> str:
    if around.redis_bind == "127.0.0.1":
        return "That is what we want here.\nprotected-mode yes"
    return "The registry is another\n# container, and nobody else is in this network.\nprotected-mode no"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
