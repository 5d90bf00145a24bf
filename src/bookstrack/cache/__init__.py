"""Tiers over the stores: memory, shared, cold; and how long what is kept."""
