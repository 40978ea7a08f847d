"""How the verification of a token can end. Without the libraries that do it."""


class TokenRefused(Exception):
    """The token proves nothing. `reason` is for the log; the sender learns nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysAway(Exception):
    """Whether the token is genuine cannot be told now: the keys that could tell cannot be read."""
