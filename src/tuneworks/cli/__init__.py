"""The command line: one file a verb; each parses, calls one flow, and shows what came of it."""
