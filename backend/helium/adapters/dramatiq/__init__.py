"""Dramatiq on Redis as the queue: for one's own servers. Decision 0015.

Importing `bell` or `consumer` imports Dramatiq and redis-py (0.1 s): do it only where they are wanted.
"""
