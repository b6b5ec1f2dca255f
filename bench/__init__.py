"""What firstry costs, beside raw loops and peers. The server is the tests' own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
