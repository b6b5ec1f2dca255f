"""A file that the first process makes and every other one reads."""

import os
import tempfile
from pathlib import Path


def first_content(target: Path, content: bytes) -> bytes:
    """Store `content` in a new file; where the file is there already, return what it holds.

    The file appears whole under its name (write, then hard link) and for its owner
    alone, so nobody reads half of it, and a process that dies leaves none.
    """
    descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.link(draft, target)
    except FileExistsError:
        return target.read_bytes()
    finally:
        os.unlink(draft)
    return content
