"""Runners: where the work of a run happens."""
