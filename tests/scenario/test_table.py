"""Lists as files, over HTTP and from the command line: every row, once, or an error."""

import csv
import http.client
import json
from io import StringIO
from urllib.parse import quote

import pytest

from firstry.domain.record import Installation, InstallationSource
from firstry.domain.tenant import Tenant
from firstry.insight.listing import PAGE
from firstry.lifecycle.install import record_installation
from firstry.sim.jira_fault import Fault, FaultKind
from support.operator_call import BASE, Operator, operator, refused
from support.service import World

LISTS = {
    "tenants": "cloud_id",
    "reports": "report_id",
    "failures": "fingerprint",
    "ledger": "hash",
}
"""What names a row of each list."""
FORMATS = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


SET_TICK = "UPDATE tenant SET last_tick_at = ? WHERE cloud_id = ?"


@pytest.fixture
def ops(world: World) -> Operator:
    """An operator of the world."""
    return operator(world)


def _many(world: World, count: int) -> list[str]:
    """Record installations and return their cloudIds in order."""
    ids = [f"many-{number:05}" for number in range(count)]
    evidence = Installation(world.now(), InstallationSource.OPERATOR)
    for each in ids:
        who, store = Tenant.from_operator(each), world.parts.store
        record_installation(store, who, evidence, world.now(), world.policy, reason="moved here")
    return ids


def _lived(world: World) -> str:
    """Let one site have a report and another one fail; return the cloudId of that one."""
    made, failing = world.installed("made"), world.installed("failing")
    world.clock.advance(hours=12)
    failing.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.told(made, "GENERATED")
    world.told(failing, "GENERATION_FAILED", 202)
    return failing.cloud_id


def _lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("name", LISTS)
def test_a_file_has_what_the_pages_have(world: World, ops: Operator, name: str) -> None:
    _lived(world)
    document = ops.got(f"/{name}?limit=200")
    (rows,) = [value for value in document.values() if isinstance(value, list)]
    assert rows
    lines, table = (ops.get(f"/{name}?format={format_}") for format_ in ("ndjson", "csv"))
    assert [json.loads(line) for line in lines.body.decode().split("\n")[:-1]] == rows
    cells = _lines(table.body.decode())
    if name != "tenants":  # of which each has a line for every milestone
        assert len(cells) == len(rows)
    named = [line[LISTS[name]] for line in cells]
    assert list(dict.fromkeys(named)) == [row[LISTS[name]] for row in rows]
    for format_, answer in (("ndjson", lines), ("csv", table)):
        assert answer.headers["content-type"] == FORMATS[format_]
        kept_as = f'attachment; filename="firstry-{name}.{format_}"'
        assert answer.headers["content-disposition"] == kept_as


def test_a_tenant_has_a_line_for_each_milestone(world: World, ops: Operator) -> None:
    failing = _lived(world)
    asked = quote("state=backoff")
    lines = _lines(ops.get(f"/tenants?format=csv&filter={asked}").body.decode())
    assert [line["cloud_id"] for line in lines] == [failing] * 2
    (waiting,) = [line for line in lines if line["trigger"] == "AUTO_12H"]
    assert waiting["state"] == "backoff"
    assert waiting["error_code"] == "JIRA_UNAVAILABLE"
    assert (waiting["paused"], waiting["paused_at"], waiting["attempts"]) == ("false", "", "1")


def test_every_row_comes_once_however_many_there_are(world: World, ops: Operator) -> None:
    ids = _many(world, 2 * PAGE + 1)
    told = ops.get("/tenants?format=ndjson").body.decode().splitlines()
    assert [json.loads(line)["cloud_id"] for line in told] == ids
    lines = _lines(ops.get("/ledger?format=csv&kind=INSTALLED").body.decode())
    assert sorted(line["cloud_id"] for line in lines) == ids
    ran = world.command("tenants", "list", "--filter", "site~many", "--format", "csv")
    assert ran.code == 0, ran
    assert list(dict.fromkeys(line["cloud_id"] for line in _lines(ran.out))) == ids


@pytest.mark.parametrize("format_", FORMATS)
def test_the_command_line_writes_the_same(world: World, ops: Operator, format_: str) -> None:
    """To the byte; but a tenant is judged at the instant of the command, so by its columns."""
    _lived(world)
    for name in ("reports", "failures", "ledger"):
        ran = world.command(name, "list", "--format", format_)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.encode() == ops.get(f"/{name}?format={format_}").body
    ran = world.command("tenants", "list", "--filter", "site~f", "--format", "csv")
    asked = ops.get("/tenants?filter=site~f&format=csv").body.decode()
    assert (ran.code, ran.out.splitlines()[0]) == (0, asked.splitlines()[0])


@pytest.mark.parametrize("format_", FORMATS)
def test_a_list_without_rows(world: World, ops: Operator, format_: str) -> None:
    for name in ("tenants", "reports", "failures"):
        answer = ops.get(f"/{name}?format={format_}")
        assert answer.status == 200
        assert answer.body.count(b"\n") == (1 if format_ == "csv" else 0)


@pytest.mark.parametrize("more", ["limit=5", "cursor=abc", "count=true"])
def test_what_is_for_pages_does_not_go_with_a_file(world: World, ops: Operator, more: str) -> None:
    problem = refused(ops.get(f"/tenants?format=csv&{more}"), 400, "FIELD_INVALID")
    assert problem["field"] == more.partition("=")[0]


def test_bad_input_is_told_before_a_file_begins(world: World, ops: Operator) -> None:
    problem = refused(ops.get("/tenants?format=csv&filter=state%3Dx"), 400, "FILTER_INVALID")
    assert problem["position"] == 7
    refused(ops.get("/tenants?format=xlsx"), 400, "FIELD_INVALID")
    refused(ops.get("/flags?format=csv"), 400, "FIELD_INVALID")
    for words in (("--limit", "5"), ("--after", "a"), ("--json",)):
        ran = world.command("tenants", "list", "--format", "csv", *words)
        assert ran.code == 2, ran
        assert "leave one of them out" in ran.out + ran.err
    ran = world.command("tenants", "list", "--format", "csv", "--filter", "nonsense")
    assert (ran.code, ran.out) == (2, "")


def test_head_says_what_would_come(world: World, ops: Operator) -> None:
    _many(world, 3)
    answer = ops.send("HEAD", "/tenants?format=csv")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == FORMATS["csv"]


def test_a_file_that_breaks_off_does_not_look_whole(world: World, ops: Operator) -> None:
    """A row behind the first page that cannot be read, as in a file that was damaged."""
    ids = _many(world, PAGE + 2)
    beyond_time = 10**17
    with world.database.connected() as connection:
        connection.execute(SET_TICK, (beyond_time, ids[-1]))
    try:
        client = http.client.HTTPConnection("127.0.0.1", ops.port, timeout=20)
        headers = {"authorization": f"Bearer {ops.secret}"}
        client.request("GET", f"{BASE}/tenants?format=ndjson", headers=headers)
        answer = client.getresponse()
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        assert cut.value.partial.count(b"\n") == PAGE
        client.close()
    finally:
        with world.database.connected() as connection:
            connection.execute(SET_TICK, (None, ids[-1]))
