"""Who erases: the store, opened for each erasure as the role that may."""

from collections.abc import Iterator
from contextlib import contextmanager

from firstry.config import Settings
from firstry.domain.errors import EraseNotAllowed, SettingInvalid
from firstry.lifecycle.erase import OpenEraser
from firstry.ports.store import Store
from firstry.stores.place import open_eraser


def eraser_of(settings: Settings) -> OpenEraser:
    """Return what opens the store to erase: by ERASE_DATABASE_URL, else by DATABASE_URL."""
    url = settings.erase_database_url or settings.database_url

    @contextmanager
    def opened() -> Iterator[Store]:
        with open_eraser(url) as store:
            yield store

    return opened


def refuse_unfit_eraser(settings: Settings) -> None:
    """Raise SettingInvalid if ERASE_DATABASE_URL is set and its role may not erase."""
    if settings.erase_database_url is None:
        return
    try:
        with open_eraser(settings.erase_database_url):
            return
    except EraseNotAllowed:
        raise SettingInvalid(
            "FIRSTRY_ERASE_DATABASE_URL connects as a role that may not erase",
            "run `firstry db upgrade` with this setting: it makes the role a member of "
            "firstry_eraser",
        ) from None
