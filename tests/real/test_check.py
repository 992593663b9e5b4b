"""`check` against every real podman: an error where podman refuses the file, none where it reads it."""

from __future__ import annotations

import pytest

from tests.conftest import LONG
from tests.registries.test_checks import GOOD, ROWS, check
from tests.support.podman import engine

# podman 5 takes the last of two equal keys, and so on: nothing of that kind is among these.
TEXTS = list(dict.fromkeys([*(text for text, _, _ in ROWS), *GOOD]))
# Both read the file in the same way. "search" says only why it was refused, in a tenth of the time: "info" also asks
# dpkg which packages its programs come from. The search itself must not leave this machine.
SEARCH, INFO = "search x", "info --format '{{.Registries}}'"
ASK = """
export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1
for folder; do
    export CONTAINERS_REGISTRIES_CONF=$PWD/$folder/registries.conf
    podman --tmpdir $PWD/tmp $ask >$folder/said 2>&1
done
true
"""


def turn(release: str) -> list[str]:
    """Return every other text, the others for the other release, and those about which releases differ."""
    return [
        text
        for at, text in enumerate(TEXTS)
        if at % 2 == (release == "6.1") or check(text, "4").stops != check(text, "6").stops
    ]


@pytest.mark.sized
@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("release", ["4.3", pytest.param("5.4", marks=pytest.mark.long), "6.1"])
@pytest.mark.parametrize("ask", [SEARCH, pytest.param(INFO, marks=pytest.mark.long)], ids=["search", "info"])
def test_errors_are_what_podman_refuses(ask: str, release: str) -> None:
    podman = release[0]
    texts = TEXTS if LONG else turn(release)
    fixed = [check(text, podman).findings.fixed().get("a.conf") for text in texts]
    mended = [text for text in fixed if text is not None and not check(text, podman).stops]
    with engine(release) as real:
        folders = []
        for number, text in enumerate((*texts, *mended)):
            folders.append(real.work / "checks" / str(number))
            folders[-1].mkdir(parents=True)
            (folders[-1] / "registries.conf").write_text(text, encoding="utf-8")
        names = [f"checks/{folder.name}" for folder in folders]
        for at in range(0, len(names), 40):  # within the time that one command may take
            real.shell(f"cd {real.inside}; set -- {' '.join(names[at : at + 40])}{ASK.replace('$ask', ask)}")
        said = [(folder / "said").read_text() for folder in folders]
    refused = ["loading registries configuration" in words for words in said]
    for text, no, words in zip(texts, refused, said, strict=False):
        assert no == check(text, podman).stops, (text, words)
        assert ask is SEARCH or no == ("Error" in words)
    again = [text for text, no in zip(mended, refused[len(texts) :], strict=True) if no]
    assert not again
    few = len(texts) / 7
    assert len(mended) > few
    assert few < sum(refused) < len(texts) - few
