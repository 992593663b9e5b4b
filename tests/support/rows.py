"""What must hold in every row of every pull, done or failed."""

from __future__ import annotations

from regtools.pull.records import PHASES, PULL_COLUMNS, REQUEST_COLUMNS, Pull

MS = 0.001


def check(pull: Pull) -> Pull:
    assert list(pull.row()) == list(PULL_COLUMNS)
    parts = pull.auth_s + pull.manifest_s + pull.transfer_s + pull.wait_s
    assert abs(parts - pull.total_s) < MS
    assert pull.n_requests == len(pull.requests)
    assert pull.bytes_fetched == sum(each.bytes for each in pull.requests if each.kind == "blob")
    assert pull.ok == (pull.error_kind is None) == (pull.served_by is not None)
    assert [each.seq for each in pull.requests] == list(range(len(pull.requests)))
    for row in pull.requests:
        assert [name for name in REQUEST_COLUMNS if name != "samples"] == [
            n for n in row.to_dict() if n != "samples"
        ]
        assert row.run_id == pull.run_id
        phases = [getattr(row, name) for name in PHASES]
        assert abs(sum(each or 0.0 for each in phases) - row.total_s) < MS, row
        assert all(each is None or each >= 0 for each in phases), row
        assert row.t0_s >= 0
        assert row.t0_s + row.total_s <= pull.total_s + MS, row
        if row.reused:
            assert (row.dns_s, row.tcp_s, row.tls_s) == (None, None, None), row
        if row.samples is not None:
            assert row.kind == "blob"
            assert len(row.samples) <= 64
            assert list(row.samples) == sorted(row.samples)
            assert not row.samples or row.samples[-1][1] == row.bytes
    if pull.ok:
        assert {each.digest for each in pull.requests if each.digest_ok} >= {pull.digest}
        assert pull.bytes_declared is not None
        assert pull.bytes_declared <= pull.bytes_fetched
    return pull
