"""Measured pulls become an answer that a person can look at."""

# Cheap: matplotlib and pandas are loaded when a chart is drawn.
from . import charts as charts

__all__ = ["charts"]
