"""Migrations that no release has: a rehearsal puts them behind the newest, as the next release would."""
