"""`python -m firstry`: the command, where its script is not at hand."""

from firstry.cli.main import main

main()
