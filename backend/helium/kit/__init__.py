"""Domain-free parts: clock, ids, group commit, retry. It imports nothing of Helium."""
