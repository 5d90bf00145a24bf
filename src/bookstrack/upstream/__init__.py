"""Outgoing HTTP: pace, time limits, retries, breakers, quotas, and what may be fetched at all."""
