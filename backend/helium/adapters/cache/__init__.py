"""The cache: one front for callers, and two places for its entries. Decision 0014."""

from helium.adapters.cache.counts import CacheCounts
from helium.adapters.cache.json_cache import NAMESPACES, JsonCache
from helium.adapters.cache.memory import MemoryCache

__all__ = ["NAMESPACES", "CacheCounts", "JsonCache", "MemoryCache"]
