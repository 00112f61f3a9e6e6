"""The verbs: one file a verb, read like the story of what is done."""
