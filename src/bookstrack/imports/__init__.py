"""Bytes of somebody's export to rows of books: ``read.check_export`` and ``read.read_export``."""
