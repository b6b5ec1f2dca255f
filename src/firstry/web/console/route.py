"""Every address of the console, in one table: who may use it, and what it shows or does.

What is not in this table does not exist; what is in it is served and tried by the tests
with every role. Signing in stands beside it, because nobody has a role there yet.
"""

from firstry.domain.access import Role
from firstry.web.console import act, bulk
from firstry.web.console.failures import failures
from firstry.web.console.files import file
from firstry.web.console.flags import flags, turn
from firstry.web.console.health import health, tokens
from firstry.web.console.ledger import ledger
from firstry.web.console.overview import overview
from firstry.web.console.sign_in import sign_out
from firstry.web.console.tenant import report, tenant
from firstry.web.console.tenants import tenants
from firstry.web.console.visit import ConsoleRoute

SCREENS = (
    ConsoleRoute("GET", "", Role.VIEWER, overview, nav="Overview"),
    ConsoleRoute("GET", "/tenants", Role.VIEWER, tenants, nav="Tenants"),
    ConsoleRoute("GET", "/tenants/{tenant_id}", Role.VIEWER, tenant),
    ConsoleRoute("GET", "/reports/{report_id}/{format}", Role.VIEWER, report),
    ConsoleRoute("GET", "/failures", Role.VIEWER, failures, nav="Failures"),
    ConsoleRoute("GET", "/bulk", Role.VIEWER, bulk.bulk, nav="Bulk"),
    ConsoleRoute("GET", "/bulk/{job_id}", Role.VIEWER, bulk.job),
    ConsoleRoute("GET", "/ledger", Role.VIEWER, ledger, nav="Ledger"),
    ConsoleRoute("GET", "/flags", Role.VIEWER, flags, nav="Flags"),
    ConsoleRoute("GET", "/health", Role.VIEWER, health, nav="Health"),
    ConsoleRoute("GET", "/tokens", Role.ADMIN, tokens),
    ConsoleRoute("GET", "/files/{list}/{format}", Role.VIEWER, file),
)

ACTS = (
    ConsoleRoute("POST", "/sign-out", Role.VIEWER, sign_out),
    ConsoleRoute("POST", "/tenants/{tenant_id}/retry", Role.OPERATOR, act.retry, shows=tenant),
    ConsoleRoute("POST", "/tenants/{tenant_id}/reset", Role.OPERATOR, act.reset, shows=tenant),
    ConsoleRoute("POST", "/tenants/{tenant_id}/pause", Role.OPERATOR, act.pause, shows=tenant),
    ConsoleRoute("POST", "/tenants/{tenant_id}/resume", Role.OPERATOR, act.resume, shows=tenant),
    ConsoleRoute(
        "POST", "/tenants/{tenant_id}/generate", Role.OPERATOR, act.generate, shows=tenant
    ),
    ConsoleRoute("POST", "/bulk", Role.OPERATOR, bulk.order, shows=bulk.bulk),
    ConsoleRoute("POST", "/flags", Role.OPERATOR, turn, shows=flags),
)

ROUTES = (*SCREENS, *ACTS)
"""All of them, in the order of the navigation."""
NAVIGATION = tuple(route for route in ROUTES if route.nav)
