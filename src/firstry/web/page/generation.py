"""From a press on "generate now" to what is said of it: the way of every report.

The request is a milestone and is committed by now; whatever happens here, an
attempt of it follows, by this call or by the next tick or worker pass. So
nothing is called made that is not stored (P41).
"""

from firstry.domain.due import Quiet
from firstry.domain.milestone import Milestone
from firstry.domain.policy import MANUAL
from firstry.domain.tenant import Tenant
from firstry.scheduler.attempt import Parts, begin
from firstry.scheduler.runner import Busy, Runner
from firstry.web.remote.answer import Said, of_quiet, of_running, of_settled

WAIT_SECONDS = 4.0
"""How long a press waits for its report; the page asks again after that."""


def generated(
    parts: Parts, runner: Runner, tenant: Tenant, asked: Milestone, deadline: float
) -> Said:
    """Attempt what is due until the milestone that was asked for is settled, or say how far it is.

    Other milestones of the tenant may be due before it. An answer that is not
    200 says that the report is not there yet.
    """
    until = min(deadline, parts.clock.monotonic() + WAIT_SECONDS)
    for _ in range(1 + len(parts.policy.triggers)):
        left = until - parts.clock.monotonic()
        begun = runner.start(lambda: begin(parts, tenant, parts.clock.now()), left)
        if isinstance(begun, Busy):
            return _ASKED
        if isinstance(begun, Quiet):
            return _not_yet(of_quiet(begun))
        try:
            settled = begun.settled.result(max(0.0, until - parts.clock.monotonic()))
        except TimeoutError:
            return of_running(begun.claim)
        if (begun.claim.trigger, begun.claim.revision) == (MANUAL, asked.revision):
            return _not_yet(of_settled(settled))
    return _ASKED


_ASKED = Said(202, "GENERATION_ASKED", "the report is asked for and will be attempted")


def _not_yet(said: Said) -> Said:
    """Return `said` as 202 if it speaks of anything but a report that was just made."""
    if said.status == 200 and said.reason != "GENERATED":
        return Said(202, said.reason, said.message, wait_end=said.wait_end)
    return said
