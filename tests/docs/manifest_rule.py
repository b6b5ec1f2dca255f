"""What Atlassian's validator does not look at: rules of our own for the manifest.

Each is a function of the manifest that yields what is wrong with it, so that a
test can show that it does reject. The service's own constants are the measure.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from firstry.config import READ_JIRA_WORK as DEFAULT_DATASETS
from firstry.config_value import parse_app_id
from firstry.forge.jira import SOURCES
from firstry.forge.verifier import MODULE_KEYS
from firstry.ports.verifier import Route
from firstry.web.remote.event import MODULE_EVENTS, EventKind, parse_event

Manifest = dict[str, Any]
Rule = Callable[[Manifest], Iterator[str]]

LONGEST_KEY = 23
PATHS = {
    Route.TICK: "/forge/tick",
    Route.LIFECYCLE: "/forge/lifecycle",
    Route.UNINSTALL: "/forge/uninstall",
}
PAGES = {"jira:adminPage": Route.PAGE, "jira:dashboardGadget": Route.GADGET}
TOKEN_SCOPES = {"appSystemToken": "read:app-system-token", "appUserToken": "read:app-user-token"}


def endpoints(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return the endpoints by their keys."""
    return {endpoint["key"]: endpoint for endpoint in manifest["modules"]["endpoint"]}


def callers(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Yield kind and key of each module that calls an endpoint, and the endpoint it names."""
    for kind, modules in manifest["modules"].items():
        for module in modules if kind != "endpoint" else ():
            named = module.get("endpoint") or module.get("resolver", {}).get("endpoint", "")
            yield kind, module["key"], named


def faults(manifest: Manifest) -> list[str]:
    """Return everything that is wrong with a manifest."""
    return [fault for rule in RULES for fault in rule(manifest)]


def keys_are_unique_and_short(manifest: Manifest) -> Iterator[str]:
    """Keys count over the whole manifest, and longer ones are cut off later on."""
    keys = [module["key"] for modules in manifest["modules"].values() for module in modules]
    keys += [each["key"] for part in ("remotes", "resources") for each in manifest[part]]
    yield from (f"{key}: the key stands twice" for key in set(keys) if keys.count(key) > 1)
    yield from (f"{key}: the key is too long" for key in keys if not 0 < len(key) <= LONGEST_KEY)


def endpoints_are_called(manifest: Manifest) -> Iterator[str]:
    """A module that names another endpoint calls nothing, and an endpoint may be forgotten."""
    called = {endpoint for _, _, endpoint in callers(manifest)}
    yield from (f"{key}: no such endpoint" for key in called - set(endpoints(manifest)))
    yield from (f"{key}: nobody calls it" for key in set(endpoints(manifest)) - called)


def routes_are_the_services(manifest: Manifest) -> Iterator[str]:
    """A trigger's endpoint without a path is called nowhere; a page names its own paths."""
    for kind, key, endpoint in callers(manifest):
        path = endpoints(manifest).get(endpoint, {}).get("route", {}).get("path")
        if kind in PAGES:
            if path is not None:
                yield f"{key}: a page's endpoint has no path of its own"
        elif path not in PATHS.values():
            yield f"{key}: {path} is no route of the service"


def keys_are_bound_to_routes(manifest: Manifest) -> Iterator[str]:
    """The service takes a token on a route only if it names one of that route's keys."""
    by_path = {path: route for route, path in PATHS.items()}
    for kind, key, endpoint in callers(manifest):
        path = endpoints(manifest).get(endpoint, {}).get("route", {}).get("path")
        route = PAGES[kind] if kind in PAGES else by_path.get(path)
        if route is not None and not {key, endpoint} <= MODULE_KEYS[route]:
            yield f"{key}: the service does not take it on the route {route}"
    known = {key for _, key, endpoint in callers(manifest) for key in (key, endpoint)}
    for route, taken in MODULE_KEYS.items():
        yield from (f"{key}: the service expects it for {route}" for key in taken - known)


def events_are_acted_on(manifest: Manifest) -> Iterator[str]:
    """The validator takes any name of an event; Forge sends nothing for one it does not know."""
    kinds = {}
    for trigger in manifest["modules"]["trigger"]:
        for event in trigger["events"]:
            kinds[event] = parse_event(json.dumps({"eventType": event}).encode()).kind
            if MODULE_EVENTS.get(trigger["key"]) is not kinds[event]:
                yield f"{trigger['key']}: the service does not know that it tells of {event}"
    yield from (f"{e}: no event that is acted on" for e, k in kinds.items() if k is EventKind.OTHER)
    for kind in {EventKind.INSTALLED, EventKind.UPGRADED} - set(kinds.values()):
        yield f"no trigger for the event {kind}"


def schedule_brings_a_token_every_hour(manifest: Manifest) -> Iterator[str]:
    """An hourly token is never further than an hour from its successor."""
    for trigger in manifest["modules"]["scheduledTrigger"]:
        if trigger["interval"] != "hour":
            yield f"{trigger['key']}: runs every {trigger['interval']}"
        auth = endpoints(manifest).get(trigger["endpoint"], {}).get("auth", {})
        if auth.get("appSystemToken") != {"enabled": True}:
            yield f"{trigger['key']}: brings no system token"


def tokens_are_those_needed(manifest: Manifest) -> Iterator[str]:
    """A page gets the person's token and no other; nothing else gets that one."""
    for kind, key, endpoint in callers(manifest):
        auth = endpoints(manifest).get(endpoint, {}).get("auth", {})
        wanted = {"appUserToken"} if kind in PAGES else {"appSystemToken"}
        if not set(auth) <= wanted or (kind in PAGES and not auth):
            yield f"{key}: gets {sorted(auth) or 'no token'}"


def scopes_are_the_least(manifest: Manifest) -> Iterator[str]:
    """The scopes of the default datasets and of the tokens that are sent, and no other."""
    scopes = manifest["permissions"]["scopes"]
    needed = {source.scope for source in SOURCES if source.dataset in DEFAULT_DATASETS}
    for endpoint in endpoints(manifest).values():
        needed |= {TOKEN_SCOPES[name] for name in endpoint.get("auth", {})}
    yield from (f"{scope}: missing" for scope in needed - set(scopes))
    yield from (f"{scope}: more than is needed" for scope in set(scopes) - needed)
    if set(manifest["permissions"]) != {"scopes"}:
        yield "the pages load something from elsewhere"


def remote_is_reached_over_https(manifest: Manifest) -> Iterator[str]:
    """The validator takes http too; and every endpoint has to lead to the one remote."""
    keys = {remote["key"] for remote in manifest["remotes"]}
    for remote in manifest["remotes"]:
        url = urlsplit(remote["baseUrl"])
        if (url.scheme, url.path) != ("https", ""):
            yield f"{remote['baseUrl']}: https, and no path"
    for key, endpoint in endpoints(manifest).items():
        if endpoint["remote"] not in keys:
            yield f"{key}: no such remote"


def pages_have_resources(manifest: Manifest) -> Iterator[str]:
    """Each page shows a folder that is there, and each folder is shown."""
    known = {each["key"] for each in manifest["resources"]}
    shown = {module["resource"] for kind in PAGES for module in manifest["modules"].get(kind, ())}
    yield from (f"{key}: no such resource" for key in shown - known)
    yield from (f"{key}: nobody shows it" for key in known - shown)


def app_has_id_and_runtime(manifest: Manifest) -> Iterator[str]:
    """Forge asks for a runtime even where no function runs on it."""
    try:
        parse_app_id(manifest["app"]["id"])
    except ValueError as error:
        yield f"app.id: {error}"
    name = manifest["app"].get("runtime", {}).get("name", "")
    if not name.startswith("nodejs"):
        yield f"app.runtime.name: {name or 'missing'}"


RULES: tuple[Rule, ...] = (
    keys_are_unique_and_short,
    endpoints_are_called,
    routes_are_the_services,
    keys_are_bound_to_routes,
    events_are_acted_on,
    schedule_brings_a_token_every_hour,
    tokens_are_those_needed,
    scopes_are_the_least,
    remote_is_reached_over_https,
    pages_have_resources,
    app_has_id_and_runtime,
)
