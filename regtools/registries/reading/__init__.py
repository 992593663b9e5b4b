"""What registries.conf and its companions say: which files are read, by which rules, as values."""
