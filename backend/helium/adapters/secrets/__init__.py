"""Secrets, wherever they are kept: the environment, a folder, Google's and Amazon's services."""

from helium.adapters.secrets.describe import Described, describe
from helium.adapters.secrets.places import Places, open_secrets
from helium.adapters.secrets.reference import ReferenceInvalid
from helium.adapters.secrets.store import Secrets

__all__ = ["Described", "Places", "ReferenceInvalid", "Secrets", "describe", "open_secrets"]
