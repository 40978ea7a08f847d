"""A model that needs no key and no network: the demonstration, and the model of end-to-end tests."""

from helium.adapters.offline.model import OfflineModel
from helium.adapters.offline.plan import Answer, PlannedCall, plan

__all__ = ["Answer", "OfflineModel", "PlannedCall", "plan"]
