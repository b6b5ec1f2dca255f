"""The numbered steps of the schema, the same for every engine.

A step has one name and one number, and one SQL file for each engine. It is
applied once, in one transaction with its row in `schema_migration`, so a killed
upgrade leaves the old schema or the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from firstry.domain.canonical import digest_of
from firstry.domain.errors import StoreUnfit


class Engine(StrEnum):
    """A database that firstry has a schema for; the name of its folder in `migrations`."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step. `digest` shows whether an applied step was edited later."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return digest_of(self.sql.encode())


def migrations(engine: Engine = Engine.SQLITE) -> list[Migration]:
    """Return all steps of an engine in order."""
    folder = resources.files("firstry.stores.sql") / "migrations" / engine.value
    steps = [
        Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(steps, key=lambda step: step.version)


def missing_steps(engine: Engine, applied: Mapping[int, str], database: str) -> list[Migration]:
    """Return the steps that are not in `applied` (version to digest).

    Raises StoreUnfit if the schema of `database` is newer than this code or was
    made by other steps.
    """
    known = {step.version: step for step in migrations(engine)}
    if newer := sorted(set(applied) - set(known)):
        raise StoreUnfit(
            f"the schema of {database} is newer (step {newer[-1]}) than this version of "
            "firstry knows",
            "use the version of firstry that upgraded it, or a later one",
        )
    for version, digest in applied.items():
        if known[version].digest != digest:
            raise StoreUnfit(
                f"step {version} of {database} was made by another version of that step",
                "restore the database, or use the version of firstry that made it",
            )
    return [step for version, step in sorted(known.items()) if version not in applied]


def refuse_old(missing: list[Migration], database: str) -> None:
    """Raise StoreUnfit if a step is missing, naming the command that applies it."""
    if missing:
        raise StoreUnfit(
            f"the schema of {database} is older than this version of firstry needs "
            f"({missing[0].name} is missing)",
            "run `firstry db upgrade`",
        )
