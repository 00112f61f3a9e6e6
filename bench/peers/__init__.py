"""Other servers with the same model; each file is run by an interpreter that has that server."""
