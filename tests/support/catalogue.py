"""Write the catalogue for translators anew: `.venv/bin/python tests/support/catalogue.py`."""

from pathlib import Path

from firstry.exports.catalogue import template

TEMPLATE = Path(__file__).resolve().parents[2] / "src/firstry/exports/language/firstry.pot"

if __name__ == "__main__":
    TEMPLATE.write_text(template(), "utf-8")
    print(TEMPLATE)
