"""What keeps models in memory, checks their seal and answers in batches."""
