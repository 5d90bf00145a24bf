"""The vocabulary as plain data."""
