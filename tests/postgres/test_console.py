"""The console on PostgreSQL, served by two processes behind the walls of the service's role."""

from postgres.deployment import Deployment
from support.console import Browser

WHY = "support case 17"


def test_processes_share_sessions_forms_and_their_ends(deployment: Deployment) -> None:
    one, two = deployment.serve(), deployment.serve()
    site = deployment.due_site()
    made = deployment.command("tokens", "create", "--name", "ada", "--role", "operator", "--json")
    here = Browser(one.port)
    assert here.sign_in(made.json()["token"]).status == 303
    there = Browser(two.port, here.cookies)
    page = f"/console/tenants/{site.cloud_id}"
    form = here.form(page, f"{page}/pause", reason=WHY)
    assert there.post(f"{page}/pause", form).status == 303
    again = here.post(f"{page}/pause", form)
    assert (again.status, b"was sent before" in again.body) == (403, True)
    assert f"paused: {WHY}" in here.page(page)
    for path in ("/console", "/console/tenants", "/console/tenants?filter=paused%3Dyes"):
        assert here.get(path).status == there.get(path).status == 200
    assert deployment.command("tokens", "revoke", made.json()["token_id"]).code == 0
    assert here.get("/console").status == there.get("/console").status == 303
