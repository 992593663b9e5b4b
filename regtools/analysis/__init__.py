"""Measured pulls become an answer that a person can look at."""

from . import charts

__all__ = ["charts"]
