"""Answers are compared by what they mean: each kind, with spellings that are the same and some that are not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from regtools.notebook.answers import Rule
from regtools.notebook.exercises import Exercise, Wrong, grade

RUN = "podman run --rm -d --name web -p 8080:80 -e A=1 docker.io/library/nginx sleep -i 5"
UNIT = "[Container]\nImage=docker.io/library/nginx:1\n"
NEAR = ["a.mirror.example", "b.mirror.example"]

# (rule, right answer, other spellings of it, answers that mean something else)
CASES: list[tuple[Rule, Any, list[Any], list[Any]]] = [
    (
        Rule("word"),
        "Shift+Enter",
        [
            "Shift + Enter",
            "Shift+Return",
            "shift-enter",
            "SHIFT RETURN",
            "`Shift+Enter`",
            "⇧⏎",
            "“Shift+Enter”",
        ],
        ["Enter", "Ctrl+Enter", "Shift", "Shift+Tab", "Enter+Shift", "ShiftEnter"],
    ),
    (
        Rule("word"),
        "docker-registry",
        ["Docker Registry", " docker-registry ", "'docker-registry'", "docker  registry."],
        ["docker", "registry", "docker.registry", "dockerregistry", "-docker-registry"],
    ),
    (Rule("word"), "--all", ["--ALL", " --all"], ["all", "-all", "--all=false"]),
    (Rule("text"), "Container", [" Container ", "`Container`"], ["container", "CONTAINER", "Containers"]),
    (
        Rule("number"),
        60_000,
        [60e3, "60000", "60,000", "60 000", "60_000", "60e3", "6E4", " 60000.0 ", "+60000", np.int64(60_000)],
        [6000, "60", "60.0001", "6e5", "-60000", True, [60_000], "sixty", "", "60,00"],
    ),
    (
        Rule("number", unit="s"),
        0.5,
        [
            "0.5",
            "0,5",
            ".5",
            "1/2",
            "50 %",
            "0.5 s",
            "0.50s",
            Decimal("0.5"),
            Fraction(1, 2),
            np.float32(0.5),
        ],
        [0.05, 5, "50", "0.5 ms", "s", "1/0", float("nan"), float("inf")],
    ),
    (Rule("number"), 0.3, [0.1 + 0.2, "0.300"], [0.3001, "0,31"]),
    (
        Rule("set"),
        ["team/app", "quay.io", "nginx:1.27"],
        [
            ["quay.io", "nginx:1.27", "team/app"],
            {"quay.io", "nginx:1.27", "team/app"},
            ("team/app", "NGINX:1.27", "quay.io"),
            "quay.io, team/app, nginx:1.27",
            "[quay.io; nginx:1.27; team/app]",
        ],
        [
            ["team/app", "quay.io"],
            ["team/app", "quay.io", "nginx:1.27", "x"],
            [],
            "quay.io",
            3,
            {"quay.io": 1},
        ],
    ),
    (
        Rule("list"),
        ["podman", "conmon", "crun"],
        [
            ("podman", "conmon", "crun"),
            "podman, conmon, crun",
            "podman → conmon → crun",
            "Podman -> conmon -> crun",
        ],
        [["conmon", "podman", "crun"], ["podman", "conmon"], {"podman", "conmon", "crun"}, "podman"],
    ),
    (Rule("list", by="number"), [1, 2.5], ["1, 2.5", [1.0, "2.5"]], [[2.5, 1], [1], ["one", 2.5]]),
    (
        Rule("list", by="reference"),
        ["quay.io/team/app", "docker.io/library/redis"],
        [["QUAY.IO/team/app:latest", "docker.io/redis"], "quay.io/team/app, index.docker.io/redis:latest"],
        [["docker.io/redis", "quay.io/team/app"], ["quay.io/team/app:1", "docker.io/redis"]],
    ),
    (
        Rule("reference"),
        "quay.io/teams/app:1",
        [
            "QUAY.IO/teams/app:1",
            " quay.io/teams/app:1 ",
            "docker://quay.io/teams/app:1",
            "`quay.io/teams/app:1`",
        ],
        [
            "QUAY.IO/Teams/App:1",
            "quay.io/teams/app",
            "teams/app:1",
            "https://quay.io/teams/app:1",
            "quay.io/teams/app:V1",
        ],
    ),
    (
        Rule("reference"),
        "docker.io/library/redis",
        ["docker.io/redis", "index.docker.io/redis", "docker.io/library/redis:latest", "DOCKER.IO/redis"],
        [
            "redis",
            "library/redis",
            "docker.io/library/redis:7",
            "quay.io/library/redis",
            "docker.io/team/redis",
        ],
    ),
    (Rule("reference"), "app", ["app:latest"], ["localhost/app", "docker.io/app", "App"]),
    (
        Rule("command"),
        RUN,
        [
            "podman run -d --rm -p 8080:80 --name=web --env=A=1 docker.io/nginx:latest sleep -i 5",
            "$ podman run --detach --publish=8080:80 -eA=1 \\\n  --rm --name web docker.io/library/nginx sleep -i 5",
            "!podman container run -de A=1 --rm=true --name 'web' -p8080:80 docker.io/nginx sleep -i 5",
            "/usr/bin/podman run --rm -d --name web -p 8080:80 -e A=1 docker.io/library/nginx sleep -i 5  # so",
        ],
        [
            RUN.replace("8080:80", "80:8080"),
            RUN.replace("--rm ", ""),
            RUN.replace("--rm", "--rm=false"),
            RUN.replace("sleep -i 5", "sleep 5 -i"),
            RUN.replace("podman", "docker"),
            RUN.replace("run", "create"),
            f"sudo {RUN}",
            f"{RUN} && true",
            "podman run 'nginx",
            "",
        ],
    ),
    (
        Rule("command"),
        "podman ps --all",
        ["podman ps -a", "podman container ls --all", "podman container ps -a", "podman --all ps"],
        [
            "podman ps",
            "podman ps --latest",
            "podman images -a",
            "ps -a",
            "podman ps -a -s",
            "podman ps --all=false",
        ],
    ),
    (
        Rule("command"),
        "podman build -t app -f Containerfile . && podman push app localhost:5000/app",
        [
            "podman build --file=Containerfile . --tag app && podman image push app:latest localhost:5000/app",
            "podman build --tag=app . -f Containerfile&&podman push app localhost:5000/app",
        ],
        [
            "podman build -t app -f Containerfile . ; podman push app localhost:5000/app",
            "podman build -t app -f Containerfile .",
        ],
    ),
    (
        Rule("command"),
        "skopeo copy --src-tls-verify=false docker://a.example/x:1 dir:/tmp/x",
        ["skopeo copy docker://a.example/x:1 dir:/tmp/x --src-tls-verify=false"],
        [
            "skopeo copy dir:/tmp/x docker://a.example/x:1 --src-tls-verify=false",
            "skopeo copy docker://a.example/x:1 dir:/tmp/x",
        ],
    ),
    (
        Rule("unit", ("Container.Image",)),
        UNIT,
        [
            "# mine\n[Unit]\nDescription=x\n\n[Container]\n Image = docker.io/library/nginx:1\nPublishPort=80",
            "[Container]\nPublishPort=80\nImage=docker.io/library/nginx:1",
        ],
        [
            UNIT.replace("Container", "container"),
            UNIT.replace("Image", "image"),
            UNIT.replace("Container", "Service"),
            UNIT.replace(":1", ":2"),
            "Image=docker.io/library/nginx:1",
            "[Container]\nImage: nginx",
        ],
    ),
    (Rule("machine", asks=("echo", "7.0 GiB")), None, ["7.0 gib", ["7.0 GiB"], " 7.0  GiB "], ["8.0 GiB", 7]),
    (Rule("machine", by="number", asks=("echo", "7.0")), None, [7, "7", ["7.0"], 7.0], [8, "seven", True]),
    (Rule("machine", by="set", asks=("printf", "a\nb\n")), None, [["b", "a"], "a, b"], [["a"], "a b"]),
]
IDS = [f"{n}-{rule.kind}" for n, (rule, *_) in enumerate(CASES)]


def exercise(rule: Rule, expected: object, *wrong: Wrong) -> Exercise:
    return Exercise("99-1", rule, expected, "it is so", "x", (), wrong)


@pytest.mark.parametrize("rule, expected, same, _", CASES, ids=IDS)
def test_other_spellings_are_the_same_answer(rule: Rule, expected: Any, same: list[Any], _: object) -> None:
    for answer in [*same, *([] if rule.asks else [expected])]:
        assert grade(exercise(rule, expected), answer) == "correct, because it is so", answer


@pytest.mark.parametrize("rule, expected, _, other", CASES, ids=IDS)
def test_answers_that_mean_something_else_are_refused(
    rule: Rule, expected: Any, _: object, other: list[Any]
) -> None:
    for answer in other:
        told = grade(exercise(rule, expected), answer)
        assert told.startswith("not yet: ") and "\n" not in told, answer


TOLD = [
    (Rule("number"), 7, "x", "the answer is a number, not text"),
    (Rule("number", unit="s"), 7, "7 m", "the answer is a number of s, not text"),
    (Rule("number"), 7, 2**5000, "this number is too large to be compared"),
    (Rule("set"), ["a", "b", "c"], "a, b", "2 of 3 are right, the rest is missing"),
    (Rule("set"), ["a", "b", "c"], ["a", "x"], "1 of 3 are right, and 1 does not belong"),
    (Rule("list"), ["a", "b"], ["b", "a"], "all 2 are right, but in another order"),
    (Rule("list"), ["a", "b"], ["a", "x"], "item 2 is another one; open a hint"),
    (
        Rule("list"),
        ["a", "b"],
        {"a", "b"},
        "the order counts here, and a set has none: write a list in square brackets",
    ),
    (Rule("reference"), "a.io/b", "A.IO/B", "podman refuses this name: "),
    (Rule("reference"), "a.io/b", "a.io/c", "this is a name, but of another image; open a hint"),
    (Rule("command"), RUN, RUN.replace("--rm ", ""), "podman run is right; 1 option is missing"),
    (
        Rule("command"),
        RUN,
        RUN.replace("--rm", "--rm -v a:b"),
        "podman run is right, but with --volume=a:b it does",
    ),
    (Rule("command"), RUN, "podman run 'x", "the shell would wait for more: a quote is not closed"),
    (
        Rule("command"),
        RUN,
        RUN.replace("podman", "docker"),
        "this starts docker; another program does what is asked",
    ),
    (Rule("command"), RUN, "podman ps", "this runs podman ps, which does something else"),
    (Rule("command"), RUN, f"sudo {RUN}", "podman run is right; look at the words before it"),
    (Rule("command"), RUN, f"{RUN} 6", "podman run and its options are right; look at the words after them"),
    (Rule("command"), RUN, f"{RUN} | tee x", "the answer is 1 command in one line"),
    (
        Rule("unit", ("Container.Image",)),
        UNIT,
        UNIT.lower(),
        "nothing is set by Image= in the section [Container]",
    ),
    (Rule("unit", ("Container.Image",)), UNIT, UNIT.replace(":1", ""), "Image= is there, with another value"),
    (Rule("unit"), UNIT, "Image=x", "systemd ignores line 1: a key belongs below its [Section]"),
    (Rule("machine", asks=("echo", "a")), None, "b", "your machine says something else; ask it: echo a"),
    (
        Rule("machine", asks=("no-such-program",)),
        None,
        "b",
        "no-such-program is not here, so your machine cannot be",
    ),
    (Rule("machine", asks=("false",)), None, "b", "your machine did not say: false: status 1"),
]


@pytest.mark.parametrize("rule, expected, answer, told", TOLD)
def test_the_reply_says_what_is_still_to_do(rule: Rule, expected: Any, answer: Any, told: str) -> None:
    assert grade(exercise(rule, expected), answer).startswith(f"not yet: {told}")


def test_more_answers_are_accepted_and_known_ones_are_not_hidden_by_it() -> None:
    known = Exercise("99-1", Rule("word"), "a", "so", "x", (), (Wrong("c", "no"),), ("b", "B side"))
    assert [grade(known, each) for each in ("a", "b", "b-side", "c")] == ["correct, because so"] * 3 + [
        "not yet: no"
    ]
