"""Measured pulls become an answer that a person can look at."""

# Cheap: matplotlib and pandas are loaded when a chart is drawn.
from __future__ import annotations

from . import charts

__all__ = ["charts"]
