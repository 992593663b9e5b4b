"""Many pulls: planned, carried out on one host or many, kept in a journal."""
