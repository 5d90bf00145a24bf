"""A partial book to a fuller book."""
