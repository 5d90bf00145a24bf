"""``python -m bookstrack``."""

from bookstrack.cli.main import main

main()
