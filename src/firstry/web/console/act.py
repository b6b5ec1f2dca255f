"""The acts of the console on one tenant. Each goes through `lifecycle` with its reason."""

from firstry.domain.errors import InputInvalid
from firstry.domain.policy import MANUAL, Trigger
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause as pause_tenant
from firstry.lifecycle.pause import resume as resume_tenant
from firstry.lifecycle.reset import reset as reset_trigger
from firstry.lifecycle.retry import retry_now
from firstry.web.console.visit import BASE, Moved, Visit


def retry(visit: Visit) -> Moved:
    """Let a waiting milestone be attempted now."""
    store, actor = visit.parts.insight.store, visit.session.actor
    retry_now(store, visit.tenant(), _trigger(visit), visit.reason(), visit.now, actor)
    return _back(visit, "retry")


def reset(visit: Visit) -> Moved:
    """Have a report made again: revision n+1, and n stays."""
    store, actor = visit.parts.insight.store, visit.session.actor
    reset_trigger(store, visit.tenant(), _trigger(visit), visit.reason(), visit.now, actor)
    return _back(visit, "reset")


def pause(visit: Visit) -> Moved:
    """Claim nothing for a tenant until it is resumed."""
    store, actor = visit.parts.insight.store, visit.session.actor
    pause_tenant(store, visit.tenant(), visit.reason(), visit.now, actor)
    return _back(visit, "pause")


def resume(visit: Visit) -> Moved:
    """Let a paused tenant go on."""
    store, actor = visit.parts.insight.store, visit.session.actor
    resume_tenant(store, visit.tenant(), visit.reason(), visit.now, actor)
    return _back(visit, "resume")


def generate(visit: Visit) -> Moved:
    """Ask for a report; a worker makes it as soon as the site's token allows."""
    insight, actor = visit.parts.insight, visit.session.actor
    reason = visit.reason()
    request_report(insight.store, visit.tenant(), reason, actor, visit.now, insight.policy)
    return _back(visit, "generate")


def _back(visit: Visit, act: str) -> Moved:
    visit.parts.watch.forget()
    return Moved(f"{BASE}/tenants/{visit.tenant().cloud_id}?did={act}")


def _trigger(visit: Visit) -> Trigger:
    name = visit.field("trigger")
    known = [*(each for each, _ in visit.parts.insight.policy.triggers), MANUAL]
    if name not in known:
        raise InputInvalid(f"{name[:40]!r} is no trigger", f"one of {', '.join(known)}")
    return Trigger(name)
