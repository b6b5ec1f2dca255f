"""The judge of a simulated world: the oracle at every write, the invariants at the end."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

from firstry.domain.due import Reason
from firstry.domain.instant import iso
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.exports.signature import read_envelope
from firstry.ports.telemetry import Event
from firstry.sim.jira import JiraSite
from firstry.sim.world_ground import Ground, Reply
from firstry.sim.world_process import SIGNER
from firstry.sim.world_store import Written
from support.invariants import breaches_of, snapshot
from support.oracle import Step, breaches

STATUSES = frozenset({200, 202, 400, 401, 413, 500})
ALWAYS = frozenset({"success", "message", "reason", "cloudId", "timestamp"})
ANSWER_SECONDS = 4.0
WITH_REPORT = frozenset({Reason.GENERATED.value, Reason.DONE_KEY_EXISTS.value})


class WorldJudge:
    """Judges one world after the other; it remembers only the one that is under way."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, str], set[str]] = defaultdict(set)

    def written(self, ground: Ground, written: Written) -> Iterator[str]:
        """Ask the oracle of a committed change."""
        change = written.change
        for milestone in written.after.milestones:
            key = (written.tenant.cloud_id, milestone.trigger)
            self._waits[key].add(iso(milestone.next_due))
        name = ground.name_of(written.tenant.cloud_id)
        step = Step(written.before, written.after, change.report, written.now, ground.policy)
        yield from (f"{name}: {breach}" for breach in breaches(step))
        if change.report is not None:
            yield from _speaks_of(ground.sites[written.tenant.cloud_id], change.report)

    def answered(
        self, ground: Ground, site: JiraSite, route: str, reply: Reply, seconds: float
    ) -> Iterator[str]:
        """Judge an answer: I12, and that it says only what is stored."""
        if reply.status is None:
            return
        body = reply.body
        if reply.status not in STATUSES or not body.keys() >= ALWAYS:
            yield f"I12: answered {reply.status} {json.dumps(body)}"
        if seconds > ANSWER_SECONDS + 0.001:
            yield f"I12: answered after {seconds} s"
        if body.get("success") != (reply.status == 200):
            yield f"E: success is {body.get('success')} with {reply.status}"
        if body.get("cloudId") not in (None, site.cloud_id):
            yield "I9: answered in another tenant's name"
        wait = body.get("backoff_expires_at")
        if wait is not None and wait not in self._waits[site.cloud_id, body["due_trigger"]]:
            yield f"D: {reply.reason} names a wait until {wait} that was never stored"
        if reply.reason in WITH_REPORT:
            yield from _stored(ground, site, reply)

    def told(
        self, ground: Ground, event: Event, tenant: Tenant, fields: Mapping[str, object]
    ) -> Iterator[str]:
        """Judge what is told of an attempt's end: fenced means that it was not settled."""
        if event not in (Event.ATTEMPT_FENCED, Event.ATTEMPT_SETTLED):
            return
        record = ground.truth.read(tenant)
        revisions = record.milestones if record is not None else ()
        named = (fields["trigger"], fields["revision"])
        settled = next((m.settled_fence for m in revisions if m.key == named), None) or 0
        fence = fields["fence"]
        assert isinstance(fence, int)
        if event is Event.ATTEMPT_FENCED and settled == fence:
            yield f"I5: {named} is told to be fenced, but its settlement is stored"
        if event is Event.ATTEMPT_SETTLED and settled < fence:
            yield f"I2: {named} is told to be settled, but nothing is stored"

    def ended(self, ground: Ground) -> Iterator[str]:
        """Judge every tenant from all that is stored of it."""
        records = ground.truth.tenants(None, 1000)
        for record in records:
            name = ground.name_of(record.tenant.cloud_id)
            found = breaches_of(snapshot(ground.truth, record), ground.policy)
            yield from (f"{name}: {breach}" for breach in found)
        known = {record.tenant.cloud_id for record in records}
        if not known <= ground.sites.keys():
            yield "I9: there is a tenant that is no site"


def _stored(ground: Ground, site: JiraSite, reply: Reply) -> Iterator[str]:
    report = ground.truth.report(str(reply.body.get("report_id")))
    if report is None or report.tenant.cloud_id != site.cloud_id:
        yield f"I2: {reply.reason} names a report that is not stored for the tenant"
    elif json.loads(report.body)["cloud_id"] != site.cloud_id:
        yield "I9: a report speaks of another site"


def _speaks_of(site: JiraSite, report: StoredReport) -> Iterator[str]:
    """I9, P3: what a report counts is what the site holds, and it is signed."""
    counted = json.loads(report.body)["sections"]["A"]
    held = {
        "projects_scanned": site.content.projects,
        "fields_detected": site.content.custom_fields,
    }
    for name, number in held.items():
        if counted[name]["count"] not in (None, number):
            yield f"I9: {name} is {counted[name]['count']} where the site holds {number}"
    if not read_envelope(report.envelope).is_signed_by(SIGNER.point):
        yield "a report is not signed by the service"
