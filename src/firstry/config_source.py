"""Where the texts of settings come from: the environment and `firstry.toml`.

A name that is none of the known ones is refused where it was probably meant for
firstry, so a slip of the pen does not leave a default in force unseen.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from firstry.domain.errors import SettingInvalid

PREFIX = "FIRSTRY_"
FILE_NAME = "firstry.toml"


def sourced(
    known: Sequence[str], environ: Mapping[str, str], folder: Path
) -> dict[str, tuple[str, str]]:
    """Return the text of each setting that is set, and where; the environment wins.

    `known` are the settings' names without prefix. Raises SettingInvalid for a name that
    is nearly one of them, and for a file in `folder` that cannot be read or sets another.
    """
    texts = {name: (text, FILE_NAME) for name, text in _file_texts(folder / FILE_NAME, known)}
    for name, value in environ.items():
        if not name.startswith(PREFIX):
            continue
        bare = name.removeprefix(PREFIX)
        if bare in known:
            texts[bare] = (value, "environment")
        elif near := difflib.get_close_matches(bare, known, 1, 0.8):
            raise SettingInvalid(
                f"{name} is no setting of firstry", f"did you mean {PREFIX}{near[0]}?"
            )
    return texts


def _file_texts(path: Path, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"{path.name} cannot be read: {error}", "see docs/cli.md") from None
    for name, value in content.items():
        bare = name.upper().removeprefix(PREFIX)
        if bare not in known or isinstance(value, dict):
            near = difflib.get_close_matches(bare, known, 1)
            raise SettingInvalid(
                f"{path.name} sets {name}, which is no setting of firstry",
                f"did you mean {near[0]}?" if near else "see docs/cli.md",
            )
        yield bare, ",".join(map(str, value)) if isinstance(value, list) else str(value)
