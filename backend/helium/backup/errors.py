"""What can go wrong, as one sentence for the person who has to act."""


class BackupFailed(Exception):
    """A backup cannot be made or cannot be used; the message says why and what to do."""
