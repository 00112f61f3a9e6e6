"""The shapes of answers, one file a kind of output: what everybody but the tasks must know of it."""
