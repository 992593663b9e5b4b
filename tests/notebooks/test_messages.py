"""The page *What does this message mean?*: made from its data, and each message is what the real podman prints."""

from __future__ import annotations

import contextlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.places import ALWAYS, MANIFEST, Case, always
from tests.faults.test_failures import KNOWN, MET
from tests.faults.test_podman import NAME, Row, ready
from tests.notebooks.messages import PAGE, Message, messages, page
from tests.support import certificates, scripted
from tests.support.podman import RELEASES, engine
from tests.support.scripted import Answer, Handler, Server

ALL = messages()
CASES = [
    pytest.param(each, release, marks=[] if release == "6.1" else [pytest.mark.long], id=f"{each.id}-{release}")
    for each in ALL
    for release in RELEASES
]  # fmt: skip


def coded(status: int, code: str, message: str) -> scripted.Fault:
    """Answer as a registry does, with its error body; without a detail podman leaves the message out."""
    detail = '[{"Type":"repository","Name":"team/small","Action":"pull"}]'
    body = f'{{"errors":[{{"code":"{code}","message":"{message}","detail":{detail}}}]}}'.encode()

    def fault(handler: Handler, _: Answer) -> None:
        handler.reply(Answer(status, {"Retry-After": "0"}, body))

    return fault


def refusing(status: int, code: str, message: str) -> Case:
    return always(code, MANIFEST, coded(status, code, message), "")


LIMIT = "You have reached your unauthenticated pull rate limit."
# A message's id → what is wrong with the registry.
FAULTY = {
    **{kind: MET[kind] for kind in ("dns", "connect", "plain-http", "certificate", "no-platform")},
    "unauthorized": refusing(401, "UNAUTHORIZED", "authentication required"),
    "denied": refusing(403, "DENIED", "requested access to the resource is denied"),
    "limit": refusing(429, "TOOMANYREQUESTS", LIMIT),
    "manifest-unknown": refusing(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "server-error": MET["http-500"],
    "web-page": MET["not-a-registry"],
    "digest": KNOWN["wrong digest"],
}
CERTIFICATES: dict[str, Callable[[Path], certificates.Certificate]] = {
    "wrong-host": lambda folder: certificates.make(folder, "IP:127.0.0.9"),
    "expired": lambda folder: certificates.make(folder, days=-1),
}
STALE = "stale-login"


@contextlib.contextmanager
def provoked(message: Message, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the registries.conf that leads to the message, and the host that gives it."""
    if message.conf is not None:
        yield message.conf, ""
    elif message.id in FAULTY:
        with ready(Row(FAULTY[message.id], "", ""), folder, alone=True) as (world, _, conf):
            yield conf, world.host
    else:
        certified = CERTIFICATES.get(message.id)
        with Server(certified(folder) if certified else None) as server:
            server.script.token = "token"
            refusal = coded(401, "UNAUTHORIZED", "incorrect username or password")
            server.script.fault("/token", *[refusal] * ALWAYS)
            insecure = f"insecure = {str(certified is None).lower()}"
            yield (
                f'[[registry]]\nprefix = "images.example"\nlocation = "{server.host}"\n{insecure}\n',
                server.host,
            )


VARIABLE = {
    "HOST": r"[\w.:-]+", "FILE": r'[^"\]\s]+', "ADDRESS": r"[\d.:]+", "SERVER": r"\S+", "DIGEST": r"sha256:[0-9a-f]{64}",
    "TIME": r"[\dTZ:+-]+", "REST": r".+",
}  # fmt: skip
# What podman was doing; the page names the two beginnings and the steps.
BEGINNING = (
    r"Error: (unable to copy from source docker://\S+: )?"
    r"((initializing source|initializing image from source|choosing an image from manifest list) docker://\S+: )?"
    r'(loading registries configuration "\S+": )?'
    r"((fetching|reading) manifest \S+ in \S+: )?(pinging container registry \S+: )?"
)


def pattern(words: str) -> str:
    """The words as an expression: what differs from machine to machine is any text of its kind."""
    return "".join(VARIABLE.get(piece, re.escape(piece)) for piece in re.split(r"\b([A-Z]{4,})\b", words))


@pytest.mark.needs("podman", "openssl")
@pytest.mark.parametrize(("message", "release"), CASES)
def test_a_message_is_what_podman_prints(message: Message, release: str, tmp_path: Path) -> None:
    with provoked(message, tmp_path) as (conf, host), engine(release) as real:
        real.configure(conf)
        login = b64encode(b"reader:old").decode() if message.id == STALE else ""
        (real.work / "auth.json").write_text(json.dumps({"auths": {host: {"auth": login}} if login else {}}))
        auth = ("--authfile", str(real.inside / "auth.json"))
        done = real.podman("pull", "-q", *auth, message.pull or NAME, check=False)
    assert done.returncode == 125
    text, words = done.stderr.strip().splitlines()[-1], message.words(release)
    if words is None:
        assert not any(re.search(pattern(each), text) for each in message.says.values())
    else:
        assert re.fullmatch(BEGINNING + pattern(words), text), text


def test_the_page_is_what_the_data_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.notebooks.messages --write"


def test_every_message_is_provoked_and_told_of_once() -> None:
    ids = [each.id for each in ALL]
    assert len(ids) == len(set(ids)) >= 25
    assert {each.id for each in ALL if each.conf is None} == {*FAULTY, *CERTIFICATES, STALE}
    for each in ALL:
        assert {release for key in each.says for release in key.split(", ")} <= set(RELEASES)
        assert not each.means.endswith(".") and not each.cure.endswith(".")


def test_the_chapter_s_words_are_on_the_page() -> None:
    picture = (PAGE.parent / "images" / "14-where-a-pull-fails.svg").read_text("utf-8")
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", picture.partition("monospace")[2])
    text = PAGE.read_text("utf-8")
    assert len(shown) >= 8
    for words in (word for line in shown for word in line.split(" &#183; ")):
        assert words in text
