"""Helium runs AI agents for many people at once and never loses their work."""

__version__ = "0.1.0"
