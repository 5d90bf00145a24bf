"""What a job does; one file per pipeline."""
