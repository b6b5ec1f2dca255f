"""What a store can say of itself, beside whether it is fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections of this process to the database: lent now, open, and open at most."""

    in_use: int
    open: int
    most: int


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The newest step of the schema that this code knows, and those that were applied, in order."""

    head: str
    applied: Sequence[str]


class StoreVitals(Protocol):
    """Looks at the store from outside its tables of work. Raises StoreUnavailable as it does."""

    def product(self) -> str:
        """Return the name and the version of the database."""
        ...

    def schema(self) -> SchemaState:
        """Return how far the schema is."""
        ...

    def pool(self) -> PoolUse:
        """Return how the connections are used; asks nobody."""
        ...
