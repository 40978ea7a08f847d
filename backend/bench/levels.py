"""The loads that are played, from one user to a thousand."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """`users` at once, each with `rounds` runs one after the other on one connection."""

    name: str
    users: int
    rounds: int
    tokens: int = 50
    first_ms: int = 20
    step_ms: int = 10

    @property
    def model(self) -> str:
        """The fake model reads its timing from its name."""
        return f"fake-{self.tokens}-{self.first_ms}-{self.step_ms}"

    @property
    def ideal_ms(self) -> int:
        """From the request to the last token, if nothing cost any time."""
        return self.first_ms + (self.tokens - 1) * self.step_ms

    @property
    def runs(self) -> int:
        return self.users * self.rounds


LEVELS = {
    level.name: level
    for level in (
        Level(name="n1", users=1, rounds=20),
        Level(name="n50", users=50, rounds=10),
        Level(name="n200", users=200, rounds=5),
        Level(name="n1000", users=1000, rounds=3),
        Level(name="p1000", users=1000, rounds=1, step_ms=100),
    )
}

QUICK = (replace(LEVELS["n1"], rounds=5), replace(LEVELS["n50"], rounds=3))


def expected_text(tokens: int) -> str:
    """What the fake model says: every token is a word of its own, so that none can be mistaken."""
    return "".join(f"t{number} " for number in range(tokens))
