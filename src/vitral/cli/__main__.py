"""``python -m vitral.cli`` is the command ``vitral``."""

from vitral.cli.app import main

main()
