"""Wake-ups between processes; losing one loses no data."""
