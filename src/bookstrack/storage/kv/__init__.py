"""The shared cache tier and the counters of rate limits."""
