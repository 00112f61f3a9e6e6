"""Benchmarks: quality on real data sets, and speed. They find the data by ``TUNEWORKS_DATA``."""
