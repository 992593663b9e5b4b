"""A campaign from hosts that differ: networks, names and logins of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import regtools as rt
from regtools.campaigns.hosts.fleet import Fleet
from regtools.campaigns.hosts.local import LocalFleet
from regtools.campaigns.journal import read_vantages
from tests.conftest import absent
from tests.support import farhosts
from tests.support.confs import leading_to
from tests.support.logins import Home
from tests.support.registries import SMALL
from tests.support.scripted import Server

pytest.importorskip("distributed")

PATIENCE_S = 120  # only a hang reaches it
LOGINS = {"tokyo": "dG9reW86aHVudGVyMi10b2t5bw==", "oslo": "b3NsbzpodW50ZXIyLW9zbG8="}
MINE = "bWU6aHVudGVyMi1taW5l"
PASSWORDS = ("hunter2-tokyo", "hunter2-oslo", "hunter2-mine")


@pytest.mark.long
@pytest.mark.needs("unshare", "setpriv", "ip")
def test_hosts_with_networks_of_their_own_have_their_own_verdicts(root: Path, tmp_path: Path) -> None:
    own = ("unshare", "--net", "--mount", "--uts")
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        absent("needs root, and a kernel that gives it network namespaces")
    journal = tmp_path / "j"
    done = subprocess.run(
        [*own, sys.executable, "-m", "tests.support.farhosts", str(journal)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"missing": {}, "nowhere": ["connect"]}
    pulls, _ = rt.read_journal(journal)
    assert len(pulls) == len(farhosts.FASTEST) * len(farhosts.PORTS) * farhosts.ROUNDS
    assert pulls["ok"].all()
    pairs = rt.compare(pulls, by="vantage").pairs().set_index("vantage")
    assert dict(pairs["place"]) == farhosts.FASTEST
    assert pairs["differs"].all()
    seen = read_vantages(journal)
    assert dict(zip(seen["vantage"], seen["host"], strict=True)) == {at: at for at in farhosts.FASTEST}


def test_each_host_logs_in_as_itself_and_nobody_is_told_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry lets Tokyo in and keeps Oslo out; the one who asks has a third login, which nobody sees."""
    homes = {vantage: Home(tmp_path / vantage) for vantage in LOGINS}
    monkeypatch.setenv("HOME", homes["tokyo"].environ["HOME"])  # of the first worker
    with Server() as server, LocalFleet(["tokyo"]) as local, ExitStack() as closing:
        local.add("oslo", homes["oslo"].environ)
        monkeypatch.setenv("HOME", str(tmp_path / "mine"))
        server.script.put("team/small", "1", SMALL)
        server.script.login = f"Basic {LOGINS['tokyo']}"
        Home(tmp_path / "mine").login(server.host, MINE)
        for vantage, pair in LOGINS.items():
            homes[vantage].login(server.host, pair)
        client = closing.enter_context(local.client())
        pulls = rt.run_campaign(
            f"{server.host}/team/small:1",
            {"registry": leading_to(server.host)},
            rounds=2,
            journal=tmp_path / "j",
            client=Fleet(client, vantages=tuple(LOGINS), per_minute=None),
            pause_s=0,
            probes=1,
        )
        known = [
            repr(client.run_on_scheduler(scheduler_state)),
            repr(client.run(worker_state)),
            repr(client.get_scheduler_logs()),
            repr(client.get_worker_logs()),
            repr(client.get_events()),
        ]
    assert dict(pulls.groupby("vantage")["ok"].sum()) == {"oslo": 0, "tokyo": 2}
    assert set(pulls[~pulls["ok"]]["error_kind"]) == {"http-401"}
    shown = {each.headers.get("authorization") for each in server.script.seen}
    assert shown == {None, *(f"Basic {pair}" for pair in LOGINS.values())}
    assert "regtools-pull" in known[0]  # the tasks are there to be searched
    told = "\n".join([*known, (tmp_path / "j").read_text(), str(pulls.to_dict())])
    for secret in (*LOGINS.values(), MINE, *PASSWORDS):
        assert secret not in told


def scheduler_state(dask_scheduler: Any) -> Any:
    """All that a dashboard could show."""
    tasks = [
        (task.key, repr(task.run_spec), task.exception_text, task.annotations)
        for task in dask_scheduler.tasks.values()
    ]
    return tasks, list(dask_scheduler.transition_log), dask_scheduler.identity()


def worker_state(dask_worker: Any) -> Any:
    """What a worker remembers of its tasks."""
    state = dask_worker.state
    return [(key, repr(task.run_spec)) for key, task in state.tasks.items()], list(state.log)
