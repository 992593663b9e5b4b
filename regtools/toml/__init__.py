"""TOML texts: read, checked, turned into JSON, and diagnosed where that cannot be."""
