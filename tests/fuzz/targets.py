"""What is fuzzed: each target takes bytes as a stranger could send them, and fails where a promise is broken.

A target states through :func:`tried` which errors a refusal may raise; anything else is a finding. What is accepted,
and what a refusal says, has to be fit for a terminal and for JSON.
"""

from __future__ import annotations

import json
import sys
import tomllib
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import tomli

from regtools.analysis.compare import compare
from regtools.analysis.measurements import read_measurements
from regtools.campaigns.journal import (
    JournalWarning,
    Past,
    append_rows,
    read_journal,
    read_probes,
    read_vantages,
)
from regtools.campaigns.rows import checked_row, row_of
from regtools.errors import RegtoolsError, TomlError
from regtools.pull.engines.log import Story
from regtools.pull.http.fetch import _retry_after, _said
from regtools.pull.http.logins import Login, find_login
from regtools.pull.http.receiving import Receiver, Tap
from regtools.pull.http.tokens import Authorizer, Order, parse_challenges, tokens_in
from regtools.pull.http.transport import Exchange
from regtools.pull.http.trust import proxy_for, proxy_secrets
from regtools.pull.http.values import (
    LONGEST_S,
    Censor,
    Secret,
    read_date,
    read_ip,
    read_seconds,
    read_text,
    read_url,
    read_whole,
)  # fmt: skip
from regtools.pull.manifests import Index, Platform, choose, read_manifest
from regtools.pull.records import LARGEST, PULL_COLUMNS, REQUEST_COLUMNS
from regtools.pull.repository import _platform_of
from regtools.reference import PullName, Reference
from regtools.registries.checks import check_texts
from regtools.registries.conf import RegistriesConf
from regtools.registries.convert import convert
from regtools.registries.reading.releases import release
from regtools.registries.reading.schema import ENTRY, MIRROR, TOP
from regtools.toml.to_json import toml_to_json

from . import arguments
from .arguments import home
from .shown import as_json, shown, tried


class Target(NamedTuple):
    """A function that takes any bytes, and words of its language that a mutation may insert."""

    run: Callable[[bytes], None]
    words: tuple[str, ...]


TARGETS: dict[str, Target] = {"arguments": Target(arguments.run, arguments.WORDS)}


def target(words: str) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    """Put a function into the table, with its words, which are between blanks."""

    def add(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
        TARGETS[run.__name__] = Target(run, tuple(words.split()))
        return run

    return add


# -- files -------------------------------------------------------------------------------------------------

# Where tomli takes what we refuse: what JSON or a 64-bit integer cannot hold, and nesting that podman's reader refuses.
OURS = {"integer-range", "float-range", "nonfinite", "too-deep", "utf16"}
PEERS = {"1.1": tomli}
if sys.version_info < (3, 14):  # until then the standard library reads TOML 1.0
    PEERS["1.0"] = tomllib


@target(
    "[ ]] [[ \"\"\" ''' { } = \\u0000 \\x1b 2026-01-02T03:04:05Z 0x 1_0 inf -nan 1e400 9223372036854775808 true # \ufeff \0 \x9b"
)
def toml(data: bytes) -> None:
    for dialect, peer in PEERS.items():
        found = tried(TomlError, toml_to_json, data, toml=dialect, nonfinite="string")
        try:
            peer.loads(data.decode().removeprefix("\ufeff"))
            accepted = True
        except (ValueError, RecursionError):
            accepted = False
        if isinstance(found, TomlError):
            assert not accepted or found.code in OURS, found
            lines = data.count(b"\n") + 1
            assert found.line is None or (1 <= found.line <= lines and (found.column or 1) >= 1)
            continue
        assert accepted, dialect
        plain = json.loads(found)
        for options in ({"compact": True, "ascii": True}, {"indent": None, "sort_keys": True}):
            again = toml_to_json(data, toml=dialect, nonfinite="string", **options)  # type: ignore[arg-type]
            assert repr(json.loads(again)) == repr(plain) or "sort_keys" in options
        tagged = tried(TomlError, toml_to_json, data, toml=dialect, tagged=True)
        assert isinstance(tagged, str) and json.loads(tagged).keys() == plain.keys()


PODMANS = ("4", "5", "6", "6.0", "5.4.2")


@target(
    " ".join([*TOP, *ENTRY, *MIRROR])
    + " [[registry]] [[registry.mirror]] [aliases] registries.search quay.io *.io docker.io/library :5000 https:// true []"
    + ' "" @sha256: \\u009b enforcing digest-only'
)
def configuration(data: bytes) -> None:
    """Read a name in the first line, and a file in the rest: main file, drop-in and remembered names in turn."""
    line, _, text = data.partition(b"\n")
    podman = PODMANS[len(data) % len(PODMANS)]  # one a run: mutations soon change the length
    conf = tried(RegtoolsError, RegistriesConf.from_toml, text, podman=podman, file="a.conf")
    report = check_texts(release(podman), [("a.conf", text, False)])
    assert report.stops == isinstance(conf, RegtoolsError), (report, conf)
    shown(report.findings)
    as_json([finding.to_dict() for finding in report.findings])
    for fixed in report.findings.fixed().values():
        tried(RegtoolsError, RegistriesConf.from_toml, fixed, podman=podman)
    beside = {"dropins": {"a.conf": text}, "short_name_aliases": text}
    for each in (conf, tried(RegtoolsError, RegistriesConf.from_toml, "", podman=podman, **beside)):
        if isinstance(each, RegtoolsError):
            continue
        as_json(each.to_dict())
        shown(each.check())
        for name in (read_text(line), "nginx"):
            for tty in (False, True):
                resolution = tried(RegtoolsError, each.resolve, name, tty=tty)
                if not isinstance(resolution, RegtoolsError):
                    shown(resolution)
                    as_json(resolution.to_dict())


@target(
    "[registries.search] [registries.block] [registries.insecure] registries registry-mirrors insecure-registries https://"
    " 127.0.0.0/8 { [ null \\u202e \\ud800 @ :99999 docker.io"
)
def conversion(data: bytes) -> None:
    found = tried(RegtoolsError, convert, data)
    if not isinstance(found, RegtoolsError):
        RegistriesConf.from_toml(found.text, podman="6")  # as promised


@target(f"docker:// / : @sha256:{'a' * 64} localhost docker.io library/ [::1] .. __ - A % oci: dir: \u0130")
def reference(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    found = tried(RegtoolsError, Reference.parse, text)
    if not isinstance(found, RegtoolsError):
        assert Reference.parse(str(found)) == found
        whole = found.normalized()
        assert whole.normalized() == whole == Reference.parse(str(whole))
        shown(found)
    tried(RegtoolsError, PullName.parse, text)


# -- servers -----------------------------------------------------------------------------------------------

PASSWORD = "s3cr3t-pass-word"


@target(
    'Bearer Basic realm= service= scope= " \\ , = https:// http:// 127.0.0.1 [ ? # token access_token expires_in NaN'
    f" 1e999 \\ud800 null {'[' * 50}"
)
def challenge(data: bytes) -> None:
    """Read a WWW-Authenticate header in the first line, and the token service's answer in the rest."""
    header, _, body = data.partition(b"\n")
    text = read_text(header)
    assert all(each.scheme == each.scheme.lower() for each in parse_challenges(text))
    login = Login("me", PASSWORD)
    tokens_in(Secret(read_text(body)))

    def get(order: Order) -> Secret:
        address = read_url(order.url)
        assert PASSWORD not in order.url
        assert (
            address.scheme == "https"
            or address.host in ("localhost", "::1")
            or address.host.startswith("127.")
        )
        return Secret(read_text(body))

    for one in (login, None, Login("", "", "identity-token")):
        asked = Authorizer(read_url("https://registry.example/"), "repository:a:pull", one)
        asked.challenge(text)
        if asked.challenged:
            found = tried(RegtoolsError, asked.answer, "", get, stale=None, kinds={"auth", "bad-url"})
            assert PASSWORD not in str(found)
        for secret in asked.headers(read_url("https://registry.example/v2/")).values():
            assert secret.reveal().isascii() and secret.reveal().isprintable()


@target(
    "HTTP/1.1 Location: Retry-After: Content-Range: WWW-Authenticate: http:// socks5:// @ [::1] :99999 % # 1e400 nan -1"
    ' \u00b2 \u0663 time="2026" level=error msg=" Error: Trying errors code message 10.0.0.0/8 ::ffff:0:0/96 '
    + "9"
    * 400
)
def server(data: bytes) -> None:
    """Read header lines, and every text of them as a URL, a number, a date, an address, a proxy and a message."""
    receiver = Receiver(Tap(), lambda status, headers: None, None, 1, 1.0)
    for line in data.splitlines(keepends=True):
        if receiver.header(line) is not None:
            break
    assert 0 <= receiver.status < 10**18
    exchange = Exchange(receiver.status, receiver.headers, data, b"", None, {})
    assert (_retry_after(exchange) or 0.0) >= 0
    _said(exchange)
    for text in (*receiver.headers.values(), read_text(data)):
        assert (read_whole(text) or 0) < 10**18
        assert 0 <= (read_seconds(text) or 0) <= LONGEST_S
        assert read_date(text) is None or read_date(text) > datetime(1, 1, 1, tzinfo=UTC)  # type: ignore[operator]
        read_ip(text)
        address = tried(RegtoolsError, read_url, text, kinds={"bad-url"})
        if not isinstance(address, RegtoolsError):
            assert address.url.isascii() and address.url.isprintable() and " " not in address.url
            assert read_url(address.url).origin == address.origin
            tried(RegtoolsError, proxy_for, address, {"HTTPS_PROXY": "proxy.example", "NO_PROXY": text})
        target = read_url("https://quay.io/v2/")
        proxy = tried(RegtoolsError, proxy_for, target, {"HTTPS_PROXY": text}, kinds={"bad-url"})
        assert isinstance(proxy, RegtoolsError) or not proxy.shown or "@" not in proxy.shown
        list(proxy_secrets({"HTTPS_PROXY": text}))
    secret, _, text = read_text(data).partition("\n")
    if len(secret) >= 4 and "…" not in secret:
        assert secret not in Censor(Secret(secret))(text)
    story = Story()
    story.hear(data + b"\n", 0.0)
    for failure in story.told():
        shown(failure)
    assert abs(sum(story.stages(1.0, None).values()) - 1.0) < 1e-6


@target(
    "auths credHelpers auth identitytoken quay.io https://index.docker.io/v1/ YTpi Og== { [ null \\ud800 \\u0000 1e999"
)
def login(data: bytes) -> None:
    """Read a login file; it may have no say in which program is run, because it lies on another machine."""
    machine = home() / "machine"
    (machine / "root/.docker").mkdir(parents=True, exist_ok=True)
    (machine / "root/.docker/config.json").write_bytes(data)
    environ = {"HOME": "/root", "PATH": "/nowhere"}
    (machine / "a.conf").touch()
    conf = RegistriesConf.load(machine / "a.conf", root=machine, environ=environ, uid=0)
    for name in ("quay.io/team/app", "docker.io/library/nginx"):
        found = tried(RegtoolsError, find_login, conf, name, kinds={"credentials"})
        if isinstance(found, Login):
            found.basic().reveal().encode("ascii")
            shown(found)


@target(
    "schemaVersion mediaType config layers manifests digest size urls platform os variant -1 1.0 NaN null true \\ud800"
    f" sha256:{'0' * 64} {'9' * 20} {'[' * 50} \ufeff K \u212a \u017f"
)
def manifest(data: bytes) -> None:
    """Read a content type in the first line, and a manifest in the rest."""
    kind, _, raw = data.partition(b"\n")
    found = tried(
        RegtoolsError, read_manifest, raw, read_text(kind), "sha256:" + "0" * 64,
        kinds={"bad-manifest", "unsupported-manifest"},
    )  # fmt: skip
    if isinstance(found, RegtoolsError):
        return
    if isinstance(found, Index):
        for wanted in (Platform("linux", "amd64"), Platform("linux", "arm", "v7")):
            choose(found.members, wanted)
        for member in found.members:
            _platform_of(member)
        return
    assert 0 <= found.layers_size <= LARGEST
    for blob in found.blobs:
        assert 0 <= blob.size <= LARGEST
        for url in blob.urls:
            tried(RegtoolsError, read_url, url, kinds={"bad-url"})


# -- journals ----------------------------------------------------------------------------------------------


ROWS = " ".join([*PULL_COLUMNS, *REQUEST_COLUMNS]) + (
    ' {"row":"pull","format":1, {"row":"request","format":1, {"row":"probe","format":1, {"row":"campaign","format":1,'
    " NaN 1e400 99999999999999999999 [] null true \\ud800 2026-01-02T03:04:05Z 9999-01-01T00:00:00Z , }"
)


@target(ROWS)
def rows(data: bytes) -> None:
    """Read lines as rows; write those that a worker could have sent to a new journal, which has no damage then."""
    path = home() / "rows.jsonl"
    path.unlink(missing_ok=True)
    taken = []
    for line in data.split(b"\n"):
        row = tried(RegtoolsError, row_of, line, kinds={"bad-row"})
        if isinstance(row, dict):
            row = tried(RegtoolsError, checked_row, row, kinds={"bad-row"})
        if isinstance(row, dict) and row["row"] != "campaign":
            taken.append(row)
    if taken:
        append_rows(path, taken)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JournalWarning)
            skipped = read_journal(path)[0].attrs["skipped"]
        assert {why for _, why in skipped} <= {"its pull never finished"}, skipped


@target(ROWS)
def journal(data: bytes) -> None:
    path = home() / "j.jsonl"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JournalWarning)
        pulls, requests = read_journal(path)
    assert requests["run_id"].isin(pulls["run_id"]).all()
    read_probes(path)
    read_vantages(path)
    Past.read(str(path))


@target(ROWS + ' place,round,seconds,ok ; inf yes 1,5 " \ufeff')
def comparison(data: bytes) -> None:
    """Compare the pulls of a journal or of a CSV file."""
    path = home() / "measured"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JournalWarning)
        found = tried(RegtoolsError, read_measurements, [path])
    compared = found if isinstance(found, RegtoolsError) else tried(RegtoolsError, compare, found[0])
    if not isinstance(compared, RegtoolsError):
        shown(compared)
        as_json(compared.to_dict())
