"""Edits of an invocation token's claims, for `Platform.invocation_token(claims=...)`."""

from firstry.sim.platform_key import JSONObject


def app_of(claims: JSONObject) -> JSONObject:
    """Return the `app` claim, to be edited in place."""
    app = claims["app"]
    assert isinstance(app, dict)
    return app


def contexts_of(claims: JSONObject) -> list[JSONObject]:
    """Return the installation's contexts, to be edited in place."""
    installation = app_of(claims)["installation"]
    assert isinstance(installation, dict)
    contexts = installation["contexts"]
    assert isinstance(contexts, list)
    return contexts


def without_tenant(claims: JSONObject) -> None:
    """Take away every place that names a cloudId, but for the top-level `context`."""
    app = app_of(claims)
    del app["apiBaseUrl"]
    for context in contexts_of(claims):
        context.pop("cloudId", None)
        context.pop("apiBaseUrl", None)
