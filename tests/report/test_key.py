"""Signing keys over their life: made, used, published, changed, and never forgotten."""

import base64
import json
from pathlib import Path

import pytest

from firstry.cli.keys import new_keys
from firstry.exports.key import read_keys
from firstry.sim.platform_key import KeyRing
from report.conftest import Made
from support.command import command
from support.service import World
from support.wire import exchange

PATH = "/.well-known/firstry-keys.json"


def signing_key(number: int) -> str:
    return f"s{number}:" + base64.urlsafe_b64encode(bytes([number]) * 32).decode().rstrip("=")


def well_known(world: World) -> str:
    answer = exchange(world.door.port, "GET", PATH)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    return answer.body.decode()


def test_the_service_publishes_what_the_command_publishes(made: Made) -> None:
    printed = made.world.command("keys", "publish")
    assert printed.code == 0
    assert json.loads(well_known(made.world)) == json.loads(printed.out)
    assert json.loads(made.keys.read_text()) == json.loads(printed.out)
    assert made.world.command("keys", "publish", "--json").json() == json.loads(printed.out)


def test_only_public_halves_are_published(made: Made) -> None:
    [key] = json.loads(well_known(made.world))["keys"]
    assert key.keys() == {"key_id", "algorithm", "public_key", "pem", "first_used_at"}
    secret = made.world.environ["FIRSTRY_SIGNING_KEY"].partition(":")[2]
    raw = base64.urlsafe_b64decode(secret + "=")
    for form in (secret, base64.b64encode(raw).decode(), raw.hex()):
        assert form.rstrip("=") not in well_known(made.world)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_keys_are_read_only(made: Made, method: str) -> None:
    assert exchange(made.world.door.port, method, PATH).status == 405


def test_the_keys_are_unavailable_while_the_store_is(tmp_path: Path, ring: KeyRing) -> None:
    with World(tmp_path, ring) as world:
        away = world.path.rename(tmp_path / "away.db")
        answer = exchange(world.door.port, "GET", PATH)
        assert (answer.status, answer.json()["reason"]) == (503, "STORE_UNAVAILABLE")
        assert answer.headers["cache-control"] == "no-store"
        away.rename(world.path)
        assert "s1" in well_known(world)


def test_the_document_is_one_that_verifies(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "fetched.json"
    path.write_text(well_known(made.world))
    made.world.command("reports", "export", made.report.report_id, "--output", str(tmp_path))
    [report] = tmp_path.glob("firstry-trust-report-*.json")
    assert made.world.command("verify", str(report), "--key", str(path)).code == 0


def test_old_reports_stay_verifiable_after_a_change_of_keys(tmp_path: Path, ring: KeyRing) -> None:
    """A report is signed once; a new key signs the next one, and both keys stay published."""
    with World(tmp_path, ring, SIGNING_KEY=signing_key(1)) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        first = world.told(site, "GENERATED")["report_id"]
        world.environ["FIRSTRY_SIGNING_KEY"] = signing_key(2)
        world.restart()
        world.clock.advance(hours=12)
        second = world.told(site, "GENERATED")["report_id"]
        out = tmp_path / "out"
        out.mkdir()
        for report_id in (first, second):
            ran = world.command("reports", "export", report_id, "--output", str(out))
            assert ran.code == 0, ran.err
        assert world.command("keys", "publish", "--output", str(out)).code == 0
        keys = out / "firstry-keys.json"
        ran = world.command("verify", str(out), "--key", str(keys), "--json")
        signed_with = {report["key_id"] for report in ran.json()["reports"]}
        assert (ran.code, signed_with) == (0, {"s1", "s2"})
        ids = [key["key_id"] for key in json.loads(keys.read_text())["keys"]]
        assert ids == ["s1", "s2"]


def test_an_id_is_not_used_for_two_keys(tmp_path: Path, ring: KeyRing) -> None:
    with World(tmp_path, ring, SIGNING_KEY=signing_key(1)) as world:
        world.environ["FIRSTRY_SIGNING_KEY"] = signing_key(2).replace("s2:", "s1:")
        ran = world.command("keys", "publish", "--json")
        assert (ran.code, ran.error["code"]) == (5, "CONFLICT")
        assert "s1" in ran.error["message"]
        assert [key["key_id"] for key in json.loads(well_known(world))["keys"]] == ["s1"]


def test_a_key_can_be_published_before_it_signs(tmp_path: Path, ring: KeyRing) -> None:
    """So that readers have it when the first report comes."""
    with World(tmp_path, ring, SIGNING_KEY=signing_key(1)) as world:
        world.environ["FIRSTRY_SIGNING_KEY"] = signing_key(2)
        ran = world.command("keys", "publish")
        assert [key["key_id"] for key in json.loads(ran.out)["keys"]] == ["s1", "s2"]


def test_a_public_key_is_written_once(tmp_path: Path, ring: KeyRing) -> None:
    with World(tmp_path, ring) as world:
        before = world.database.everything()["signing_key"]
        for sql in ("UPDATE signing_key SET first_used_at = 0", "DELETE FROM signing_key"):
            with pytest.raises(Exception, match="a public key is written once"):
                world.database.write(sql)
        assert world.database.everything()["signing_key"] == before


def test_there_is_nothing_to_publish_without_a_key(tmp_path: Path) -> None:
    ran = command(tmp_path, {}, "keys", "publish", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")


def test_a_new_key_can_be_published_and_read_again(tmp_path: Path) -> None:
    ran = command(tmp_path, new_keys(), "keys", "publish")
    [key_id] = [key["key_id"] for key in json.loads(ran.out)["keys"]]
    assert read_keys(ran.out.encode(), "keys").point(key_id) is not None


def test_a_verification_needs_the_id_that_was_signed_with(made: Made, tmp_path: Path) -> None:
    """A key file with the right key under another name does not verify."""
    made.world.command("reports", "export", made.report.report_id, "--output", str(tmp_path))
    [report] = tmp_path.glob("firstry-trust-report-*.json")
    other = tmp_path / "firstry-keys.json"
    other.write_text(made.keys.read_text().replace('"s1"', '"s9"'))
    assert made.world.command("verify", str(report), "--key", str(other)).code == 1
