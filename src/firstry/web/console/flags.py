"""The switches, and the settings in force with where each one comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from firstry.domain.errors import InputInvalid
from firstry.domain.flag import Flag, Switch, all_flags, parse_flag
from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant
from firstry.web.console.visit import BASE, Moved, View, Visit

STATES = ("off", "on")
SAID = {"off": "Switched off.", "on": "Switched on."}
_MEANINGS = {
    "generation": "reports are made at all",
    "manual": "reports on request are taken",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A switch for everybody, and the tenants for which it is off by itself."""

    switch: Switch
    meaning: str
    tenants: Sequence[Switch]


def flags(visit: Visit) -> View:
    """Show every switch with who turned it and why, and every setting."""
    turned = visit.parts.insight.flags.switches()
    known = all_flags(_triggers(visit))
    context = {
        "flags": [_standing(flag, turned) for flag in known],
        "names": known,
        "states": STATES,
        "settings": visit.parts.settings,
        "said": SAID.get(visit.text("did")),
        "given": visit.form,
    }
    return View("flags.html", "Flags and settings", context)


def turn(visit: Visit) -> Moved:
    """Turn a switch for everybody or for one tenant. Raises Conflict if it stands so."""
    state, tenant_id = visit.field("state"), visit.form.get("tenant", "").strip()
    if state not in STATES:
        raise InputInvalid(f"{state[:40]!r} is no state of a switch", "it is on or off")
    visit.parts.insight.flags.turn(
        parse_flag(visit.field("name"), _triggers(visit)),
        Tenant.from_operator(tenant_id) if tenant_id else None,
        to_on=state == "on",
        reason=visit.reason(),
        actor=visit.session.actor,
        now=visit.now,
    )
    visit.parts.watch.forget()
    return Moved(f"{BASE}/flags?did={state}")


def _triggers(visit: Visit) -> list[Trigger]:
    return [name for name, _ in visit.parts.insight.policy.triggers]


def _standing(flag: Flag, turned: Sequence[Switch]) -> Standing:
    mine = [each for each in turned if each.flag == flag]
    general = next((each for each in mine if each.tenant is None), Switch(flag, None))
    own = [each for each in mine if each.tenant is not None and not each.is_on]
    return Standing(general, _meaning(flag), own)


def _meaning(flag: Flag) -> str:
    if flag in _MEANINGS:
        return _MEANINGS[flag]
    kind, _, name = flag.partition(".")
    told = "milestones of this trigger are made" if kind == "trigger" else "this dataset is read"
    return told if name else flag
