"""From measured pulls to the order of mirrors that they speak for."""
