"""Cover images: fetched, checked, scaled and kept."""
