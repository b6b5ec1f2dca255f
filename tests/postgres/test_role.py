"""A service never runs with a role that could pass the walls, or that lacks what it needs."""

import psycopg
import pytest
from psycopg import sql

from postgres.deployment import Deployment
from support.call import INSTALL, UNINSTALL, UPGRADE
from support.postgres import Cluster

SERVED = ("GRANT firstry_scheduler TO {role}",)
TOO_MIGHTY = {
    "a superuser": ("ALTER ROLE {role} SUPERUSER",),
    "a role with BYPASSRLS": ("ALTER ROLE {role} BYPASSRLS",),
    "a member of a superuser": ("GRANT postgres TO {role}",),
    "a member of a role with BYPASSRLS, which it does not inherit": (
        "ALTER ROLE {role} NOINHERIT",
        "CREATE ROLE {role}_mighty BYPASSRLS",
        "GRANT {role}_mighty TO {role}",
    ),
}


def _role(cluster: Cluster, *statements: str) -> str:
    role = cluster.new_role()
    for text in statements:
        cluster.run(sql.SQL(text.format(role=role)))
    return role


def _forget(cluster: Cluster, role: str) -> None:
    for name in (role, f"{role}_mighty"):
        cluster.run(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("rights", TOO_MIGHTY)
def test_a_role_with_too_many_rights_is_refused_at_the_start(
    deployment: Deployment, rights: str
) -> None:
    cluster, database = deployment.database.cluster, deployment.database.name
    role = _role(cluster, *SERVED, *TOO_MIGHTY[rights])
    url = cluster.url(role, database)
    for words in (("serve",), ("tenants", "list")):
        refused = deployment.command(*words, FIRSTRY_DATABASE_URL=url, FIRSTRY_PORT="0")
        assert refused.code == 2, refused
        assert "has too many rights" in refused.err
        assert "FIRSTRY_MIGRATE_DATABASE_URL" in refused.err
    found = deployment.command("doctor", "--json", FIRSTRY_DATABASE_URL=url)
    assert found.code == 1
    assert [f["code"] for f in found.json()["findings"]] == ["STORE_UNFIT"]
    _forget(cluster, role)


def test_rights_that_come_while_a_service_runs_are_told(deployment: Deployment) -> None:
    cluster = deployment.database.cluster
    role = _role(cluster, *SERVED)
    url = cluster.url(role, deployment.database.name)
    serving = deployment.serve(environ={"FIRSTRY_DATABASE_URL": url})
    assert deployment.ready(serving).status == 200
    cluster.run(sql.SQL("ALTER ROLE {} BYPASSRLS").format(sql.Identifier(role)))
    ready = deployment.ready(serving)
    assert ready.status == 503
    assert "has too many rights" in ready.json()["checks"]["schema"]
    serving.end()
    _forget(cluster, role)


def test_a_role_of_the_app_alone_serves_ticks_and_events(deployment: Deployment) -> None:
    """It sees the tenants that a call names, and can list none."""
    cluster = deployment.database.cluster
    role = _role(cluster, "GRANT firstry_app TO {role}")
    url = {"FIRSTRY_DATABASE_URL": cluster.url(role, deployment.database.name)}
    serving, site = deployment.serve(environ=url), deployment.due_site()
    for endpoint in (INSTALL, UPGRADE):
        assert deployment.call(serving, endpoint, site).status == 200
    assert deployment.reason(serving, site) == "GENERATED"
    assert deployment.call(serving, UNINSTALL, site).status == 200
    listed = deployment.command("tenants", "list", **url)
    assert listed.code == 2, listed
    assert "firstry_scheduler" in listed.err
    serving.end()
    _forget(cluster, role)


def test_a_role_without_rights_is_told_what_it_needs(deployment: Deployment) -> None:
    cluster = deployment.database.cluster
    role = _role(cluster)
    url = cluster.url(role, deployment.database.name)
    refused = deployment.command("serve", FIRSTRY_DATABASE_URL=url, FIRSTRY_PORT="0")
    assert refused.code == 2, refused
    assert "firstry_scheduler" in refused.err
    _forget(cluster, role)


@pytest.mark.parametrize("wrong", ["password", "role", "database"])
def test_a_wrong_url_is_told_without_its_password(deployment: Deployment, wrong: str) -> None:
    url = deployment.database.url
    password = psycopg.conninfo.conninfo_to_dict(url)["password"]
    parts = {"password": str(password), "role": "firstry_service", "database": "/firstry_"}
    broken = url.replace(parts[wrong], parts[wrong][:-3] + "xyz")
    refused = deployment.command("serve", FIRSTRY_DATABASE_URL=broken, FIRSTRY_PORT="0")
    assert refused.code == 6, refused
    assert "cannot be reached: it" in refused.err
    assert str(password)[:-3] not in refused.err
