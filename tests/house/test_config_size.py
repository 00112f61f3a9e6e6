"""A run's settings stay few enough to know."""

from dataclasses import fields

from tuneworks.core.types import RunConfig


def test_a_run_has_at_most_25_top_level_settings() -> None:
    assert len(fields(RunConfig)) <= 25
