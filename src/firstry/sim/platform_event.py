"""Bodies of the invocations that Forge sends to a remote.

Documents disagree on whether an event arrives flat or inside `payload`, and on where
`retryContext` stands (FORGE.md), so both can be had. Ids are bare UUIDs here and ARIs in the
invocation token. No body says when anything happened.
"""

from firstry.sim.platform import APP_ID, APP_VERSION, ENVIRONMENTS, Site
from firstry.sim.platform_key import JSONObject

INSTALLED = "avi:forge:installed:app"
UPGRADED = "avi:forge:upgraded:app"
INSTALLER = "5b10a2844c20165700ede21f"


def installed_event(
    site: Site, *, wrapped: bool = False, environment: str = "PRODUCTION"
) -> JSONObject:
    """Return the body that tells of an installation, which may also be a reinstallation."""
    event = _event(site, INSTALLED, APP_VERSION, environment)
    return _placed({**event, "installerAccountId": INSTALLER}, wrapped)


def upgraded_event(
    site: Site,
    *,
    version: str = "2.0.0",
    wrapped: bool = False,
    environment: str = "PRODUCTION",
) -> JSONObject:
    """Return the body that tells of a major upgrade, under the same installation id."""
    return _placed(_event(site, UPGRADED, version, environment), wrapped)


def uninstall_event(site: Site, *, wrapped: bool = False) -> JSONObject:
    """Return the body of the `preUninstall` module: best effort, never sent twice."""
    return _placed({"id": site.installation_id, "context": _site_ari(site)}, wrapped)


def scheduled_body(site: Site, module_key: str = "hourly") -> JSONObject:
    """Return a guess: what a scheduled trigger posts to a remote is undocumented."""
    return {"context": {"cloudId": site.cloud_id, "moduleKey": module_key}}


def with_retry(
    body: JSONObject, count: int, reason: str = "FUNCTION_TIME_OUT", *, nested: bool = False
) -> JSONObject:
    """Return the body of repeat number `count` (from 1); `nested` puts it inside `payload`."""
    context = {"retryCount": count, "retryReason": reason, "retryData": None}
    payload = body.get("payload")
    if nested and isinstance(payload, dict):
        return {**body, "payload": {**payload, "retryContext": context}}
    return {**body, "retryContext": context}


def _event(site: Site, kind: str, version: str, environment: str) -> JSONObject:
    return {
        "id": site.installation_id,
        "app": {"id": APP_ID, "version": version},
        "environment": {"id": ENVIRONMENTS.get(environment, environment)},
        "context": _site_ari(site),
        "eventType": kind,
    }


def _placed(event: JSONObject, wrapped: bool) -> JSONObject:
    return {"payload": event} if wrapped else event


def _site_ari(site: Site) -> str:
    return f"ari:cloud:jira::site/{site.cloud_id}"
