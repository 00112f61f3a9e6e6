"""All benchmarks: ``make bench``."""

from __future__ import annotations

import sys

from bench import quality, startup

if __name__ == "__main__":
    failed = startup.main()
    sys.exit(quality.main(sys.argv[1:]) or failed)
