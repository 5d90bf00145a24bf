"""Pure functions that bring texts of many sources into one form."""
