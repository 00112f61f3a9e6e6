"""Tasks: one kind of question a file."""
