"""What can go wrong, as one sentence for the person who has to act."""


class EmbeddedPostgresFailed(Exception):
    """The embedded database cannot be used; the message says why and what to do."""
