"""Stores that forget when the process ends: for tests and for trying things out."""
