"""Faults under load: real processes are killed, frozen and cut off, and what was promised is checked."""
