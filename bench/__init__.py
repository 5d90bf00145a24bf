"""Measures a BooksTrack server that was started as a user would start it."""
