"""Forward migrations, run by ``bookstrack.storage.database.migrate``."""
