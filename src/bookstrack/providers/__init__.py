"""Outside sources of book facts; none knows another."""
