"""The endpoints that act. Each goes through `lifecycle`, and its ledger entry names the token."""

import secrets

from firstry.domain.canonical import Json
from firstry.domain.errors import InputInvalid
from firstry.domain.filter_text import parse_filter
from firstry.domain.flag import parse_flag
from firstry.domain.job import CountChanged, parse_act
from firstry.domain.milestone import Milestone
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.reason import parse_reason
from firstry.domain.record import Order
from firstry.domain.tenant import Tenant, parse_cloud_id
from firstry.insight.shape import job_json, milestone_json, switch_json, tenant_json
from firstry.lifecycle import bulk as lifecycle_bulk
from firstry.lifecycle.erase import erase as erase_tenant
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause as pause_tenant
from firstry.lifecycle.pause import resume as resume_tenant
from firstry.lifecycle.reset import reset as reset_trigger
from firstry.lifecycle.retry import retry_now
from firstry.ports.telemetry import Event
from firstry.web.api.call import BASE, Call, Reply
from firstry.web.api.schema import FieldInvalid


def retry(call: Call) -> Reply:
    """Let a waiting milestone be attempted now."""
    who, trigger = call.tenant(), _trigger(call)
    freed = retry_now(
        call.parts.insight.store, who, trigger, _reason(call), call.now, call.token.actor
    )
    return _acted(call, who, freed)


def reset(call: Call) -> Reply:
    """Have a report made again: revision n+1, and n stays."""
    who, trigger = call.tenant(), _trigger(call)
    fresh = reset_trigger(
        call.parts.insight.store, who, trigger, _reason(call), call.now, call.token.actor
    )
    return _acted(call, who, fresh)


def pause(call: Call) -> Reply:
    """Claim nothing for a tenant until it is resumed."""
    who = call.tenant()
    pause_tenant(call.parts.insight.store, who, _reason(call), call.now, call.token.actor)
    return _acted(call, who)


def resume(call: Call) -> Reply:
    """Let a paused tenant go on."""
    who = call.tenant()
    resume_tenant(call.parts.insight.store, who, _reason(call), call.now, call.token.actor)
    return _acted(call, who)


def generate(call: Call) -> Reply:
    """Ask for a report; a worker makes it as soon as the site's token allows."""
    who = call.tenant()
    insight = call.parts.insight
    asked = request_report(
        insight.store, who, _reason(call), call.token.actor, call.now, insight.policy
    )
    return _acted(call, who, asked, status=202)


def erase(call: Call) -> Reply:
    """Erase what a tenant told; its cloudId has to be typed again."""
    who, order = call.tenant(), Order(_reason(call), call.token.actor, call.now)
    if parse_cloud_id(call.body["confirm"]) != who.cloud_id:
        raise FieldInvalid("confirm", "it is not the tenant's cloudId", "type the cloudId again")
    with call.parts.open_eraser() as store:
        erased = erase_tenant(store, who, order)
    if not erased.is_repeat:
        call.parts.telemetry.emit(Event.TENANT_ERASED, who)
    return _acted(call, who)


def bulk(call: Call) -> Reply:
    """Act on everything that a filter means, in the background."""
    parts, act = call.parts.bulk, parse_act(call.body["act"])
    wanted = parse_filter(call.body["filter"])
    ordered = Order(_reason(call), call.token.actor, call.now)
    key = f"{call.token.token_id} {call.key}" if call.key is not None else None
    job = lifecycle_bulk.order(
        parts,
        f"j-{secrets.token_hex(8)}",
        act,
        wanted,
        call.body["expected_count"],
        order=ordered,
        scene=call.scene,
        key=key,
    )
    call.parts.wake_bulk()
    return Reply({"job": job_json(job)}, 202, {"location": f"{BASE}/bulk/{job.job_id}"})


def set_flag(call: Call) -> Reply:
    """Turn a switch, for everybody or for one tenant."""
    triggers = [name for name, _ in call.parts.insight.policy.triggers]
    tenant_id = call.body.get("tenant")
    switch = call.parts.insight.flags.turn(
        parse_flag(call.path["name"], triggers),
        Tenant.from_operator(tenant_id) if tenant_id is not None else None,
        to_on=call.body["state"] == "on",
        reason=_reason(call),
        actor=call.token.actor,
        now=call.now,
    )
    call.parts.watch.forget()
    return Reply({"flag": switch_json(switch)})


def present(call: Call, error: Exception) -> dict[str, Json]:
    """Return the present state of what a conflict is about, to be shown with it."""
    if isinstance(error, CountChanged):
        act, wanted = parse_act(call.body["act"]), parse_filter(call.body["filter"])
        return {"count": lifecycle_bulk.preview(call.parts.bulk, act, wanted, call.scene)}
    if "tenant_id" not in call.path:
        return {}
    record = call.parts.insight.store.read(call.tenant())
    return {"tenant": tenant_json(record, call.scene)} if record is not None else {}


def _acted(call: Call, who: Tenant, milestone: Milestone | None = None, status: int = 200) -> Reply:
    call.parts.watch.forget()
    record = call.parts.insight.store.read(who)
    assert record is not None, "a tenant that was acted on is there"
    document: dict[str, Json] = {"tenant": tenant_json(record, call.scene)}
    if milestone is not None:
        document["milestone"] = milestone_json(record, milestone, call.scene)
    return Reply(document, status)


def _trigger(call: Call) -> Trigger:
    name = call.body["trigger"]
    known = [*(each for each, _ in call.parts.insight.policy.triggers), MANUAL]
    if name not in known:
        raise InputInvalid(f"{name[:40]!r} is no trigger", f"one of {', '.join(known)}")
    return Trigger(name)


def _reason(call: Call) -> str:
    return parse_reason(call.body["reason"])
