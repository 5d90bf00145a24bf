"""The sample catalogue that a new installation may begin with."""
