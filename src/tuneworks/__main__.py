"""``python -m tuneworks`` is the command line."""

from tuneworks.cli.main import main

if __name__ == "__main__":
    main()
