"""BooksTrack: a self-hosted server that knows books."""

__version__ = "0.1.0"
