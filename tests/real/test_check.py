"""`check` against every real podman: an error where podman refuses the file, none where it reads it."""

from __future__ import annotations

import pytest

from tests.registries.test_checks import GOOD, ROWS, check
from tests.support.podman import engine

# podman 5 takes the last of two equal keys, and so on: nothing of that kind is among these.
TEXTS = list(dict.fromkeys([*(text for text, _, _ in ROWS), *GOOD]))
ASK = """
for folder; do
    export CONTAINERS_REGISTRIES_CONF=$PWD/$folder/registries.conf
    podman --tmpdir $PWD/tmp info --format '{{.Registries}}' >$folder/said 2>&1 || echo >$folder/refused
done
"""


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("release", ["4.3", pytest.param("5.4", marks=pytest.mark.long), "6.1"])
def test_errors_are_what_podman_refuses(release: str) -> None:
    podman = release[0]
    fixed = [check(text, podman).findings.fixed().get("a.conf") for text in TEXTS]
    mended = [text for text in fixed if text is not None and not check(text, podman).stops]
    with engine(release) as real:
        folders = []
        for number, text in enumerate((*TEXTS, *mended)):
            folders.append(real.work / "checks" / str(number))
            folders[-1].mkdir(parents=True)
            (folders[-1] / "registries.conf").write_text(text, encoding="utf-8")
        names = [f"checks/{folder.name}" for folder in folders]
        for at in range(0, len(names), 40):  # within the time that one command may take
            real.shell(f"cd {real.inside}; set -- {' '.join(names[at : at + 40])}{ASK}")
        refused = [(folder / "refused").exists() for folder in folders]
        said = [(folder / "said").read_text() for folder in folders]
    for text, no, words in zip(TEXTS, refused, said, strict=False):
        assert no == check(text, podman).stops, (text, words)
        assert not no or "registries.conf" in words
    again = [text for text, no in zip(mended, refused[len(TEXTS) :], strict=True) if no]
    assert not again
    assert len(mended) > 10
    assert 10 < sum(refused) < len(TEXTS) - 10
