"""Everything that remembers, chosen by URL."""
