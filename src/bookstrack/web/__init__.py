"""Everything that knows the web framework."""
