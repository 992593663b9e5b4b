"""Fixes are tried: on a copy of the files, and by the names that they change."""
