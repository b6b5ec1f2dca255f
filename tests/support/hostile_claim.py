"""Hostile claims and addresses: signed by the platform's own key, and still not to be trusted."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from firstry.sim.platform import ABSENT, APP_ARI, APP_ID
from firstry.sim.platform_key import JSONObject
from support.claims import app_of, contexts_of
from support.hostile import Aim, Headers, Vector, Vectors


def claims() -> Vectors:
    """Claims that belong to somebody else, to another time, or to nobody."""
    return dict(_top_level()) | dict(_times()) | dict(_app())


def _top_level() -> Iterator[tuple[str, Vector]]:
    other = "ari:cloud:ecosystem::app/11111111-2222-4333-8444-555555555555"
    wrong: Mapping[str, list[object]] = {
        "iss": ["forge/other", "", "forge/invocation-token ", None, 1, ABSENT],
        "aud": [
            other,
            APP_ID,
            [other],
            [APP_ARI, other],
            [],
            "",
            None,
            APP_ARI.upper(),
            APP_ARI + "/",
            ABSENT,
        ],
        "jti": ["", None, 7, [], ABSENT],
        "app": [ABSENT, None, [], "app", {}],
        "icLabel": ["isolated", "", None, 1],
    }
    for claim, values in wrong.items():
        for value in values:
            yield f"{claim} {_shown(value)}", _changed({claim: value})


def _times() -> Iterator[tuple[str, Vector]]:
    no_times: list[object] = [ABSENT, None, True, "1", [], {}, 0, -1, 2**40, 1e300]
    for claim in ("iat", "nbf", "exp"):
        for value in no_times:
            yield f"{claim} {_shown(value)}", _changed({claim: value})
    for seconds in (6, 60, 86400, 10 * 365 * 86400):
        yield f"expired {seconds} s ago", _moved(exp=-seconds)
        yield f"not before {seconds} s from now", _moved(nbf=seconds, exp=seconds + 25)
        yield f"issued {seconds} s from now", _moved(iat=seconds, exp=seconds + 25)


def _moved(**seconds: int) -> Vector:
    def vector(aim: Aim) -> Headers:
        moved = {
            name: int((aim.at + timedelta(seconds=by)).timestamp()) for name, by in seconds.items()
        }
        return aim.headers(**moved)

    return vector


def _app() -> Iterator[tuple[str, Vector]]:
    other = "11111111-2222-4333-8444-555555555555"
    wrong: Mapping[str, list[object]] = {
        "id": [other, f"ari:cloud:ecosystem::app/{other}", "", None, 1, [APP_ID], ABSENT],
        "environment": [
            {"type": "SANDBOX"},
            {"type": "production"},
            {"type": ""},
            {"type": None},
            {"type": ["PRODUCTION"]},
            {"type": {}},
            {},
            "PRODUCTION",
            None,
            ABSENT,
        ],
        "module": [
            {"key": "other"},
            {"key": ""},
            {"key": None},
            {"key": ["hourly-tick"]},
            {"key": {}},
            {"key": "hourly-tick "},
            {},
            "hourly-tick",
            None,
            ABSENT,
        ],
    }
    for part, values in wrong.items():
        for value in values:
            yield f"app.{part} {_shown(value)}", _edited(part, value)


def _edited(part: str, value: object) -> Vector:
    def edit(claims: JSONObject) -> None:
        app = app_of(claims)
        app.pop(part, None)
        if value is not ABSENT:
            app[part] = value

    return lambda aim: aim.headers(claims=edit)


def _changed(changes: Mapping[str, object]) -> Vector:
    return lambda aim: aim.headers(**changes)


def _shown(value: object) -> str:
    return "absent" if value is ABSENT else repr(value)[:60]


def addresses() -> Vectors:
    """Addresses to which the tenant's token must not go; the first are the classics."""
    path = "/ex/jira/{id}"
    written = [
        "https://evil.example{path}",
        "https://{host}.evil.example{path}",
        "https://{host}@evil.example{path}",
        "http://user:password@{host}{path}",
        "https://evil.example#@{host}{path}",
        "https://evil.example\\@{host}{path}",
        "http://169.254.169.254{path}",
        "http://localhost{path}",
        "http://127.0.0.1{path}",
        "http://0.0.0.0{path}",
        "http://[::1]{path}",
        "file:///etc/passwd",
        "ftp://{host}{path}",
        "//{host}{path}",
        "{host}{path}",
        "http://{host}",
        "http://{host}/",
        "http://{host}/ex/jira/",
        "http://{host}/ex/confluence/{id}",
        "http://{host}{path}/../other",
        "http://{host}{path}/rest/api/3",
        "http://{host}/ex/jira/../jira/{id}",
        "http://{host}{path}?x=1",
        "http://{host}{path}#x",
        "http://{host}{path} ",
        " http://{host}{path}",
        "http://{host}{path}\r\nx: y",
        "http://{host}{path}\u202e",
        "http://{host}/ex/jira/%7Bid%7D",
        "http://{host}:99999{path}",
        "http://[::1{path}",
        "",
    ]
    found: dict[str, Vector] = {}
    for text in written:
        for where in ("app", "contexts"):
            found[f"{where}.apiBaseUrl {text[:40]!r}"] = _addressed(
                text.replace("{path}", path), where
            )
    no_addresses: list[object] = [None, 1, [], {}, True]
    for value in no_addresses:
        found[f"app.apiBaseUrl {value!r}"] = _edited("apiBaseUrl", value)
    return found


def _addressed(text: str, where: str) -> Vector:
    def vector(aim: Aim) -> Headers:
        host = aim.site.api_base_url.split("/")[2]
        value = text.replace("{host}", host).replace("{id}", aim.site.cloud_id)

        def edit(claims: JSONObject) -> None:
            place = app_of(claims) if where == "app" else contexts_of(claims)[0]
            place["apiBaseUrl"] = value

        return aim.headers(claims=edit)

    return vector
