"""Backups: one consistent snapshot of everything that must not be lost, and the way back."""

from helium.backup.archive import Archive, Backups
from helium.backup.drill import Drilled, drill
from helium.backup.errors import BackupFailed
from helium.backup.manifest import Manifest
from helium.backup.restoring import Restored, restore
from helium.backup.sealing import Keyring
from helium.backup.taking import take_backup

__all__ = [
    "Archive",
    "BackupFailed",
    "Backups",
    "Drilled",
    "Keyring",
    "Manifest",
    "Restored",
    "drill",
    "restore",
    "take_backup",
]
