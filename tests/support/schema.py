"""Write the published JSON Schema anew: `.venv/bin/python tests/support/schema.py`.

A published version never changes its meaning: what refuses or allows more than
before is a new `SCHEMA_VERSION`, and the old file stays.
"""

import json
from pathlib import Path

from firstry.domain.report.schema import SCHEMA_VERSION, json_schema

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema"

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"trust-report-{SCHEMA_VERSION}.schema.json"
    path.write_text(json.dumps(json_schema(), indent=2) + "\n", "utf-8")
    print(path)
