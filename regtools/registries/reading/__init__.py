"""Reading registries.conf and its companions: which files, by which rules, into which values."""
