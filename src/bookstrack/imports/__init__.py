"""Bytes of somebody's export to rows."""
