"""Defects of ours to Sentry, or to what speaks its protocol. Nothing is imported before a DSN is set."""

from helium.adapters.sentry.opening import ErrorOptions, open_errors
from helium.adapters.sentry.reporter import Reporter

__all__ = ["ErrorOptions", "Reporter", "open_errors"]
