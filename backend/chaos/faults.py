"""Which faults, when: a schedule out of a seed, pure.

Each fault is followed by a pause in which the installation recovers, so that what is measured after it is
the consequence of this fault and of no other.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

TTL_SECONDS = 3.0
SHORTEST_PAUSE, LONGEST_PAUSE = 7.0, 10.0
WARM_UP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of fault: how often it is in the deck, how long it lasts, whom it strikes."""

    times: int
    shortest: float
    longest: float
    role: str = ""


# A freeze outlasts one and a half leases; others hold for as long as the reliability page says.
DECK: Mapping[str, Sort] = {
    "kill worker": Sort(4, 0, 0, "worker"),
    "kill api": Sort(2, 0, 0, "api"),
    "kill stream": Sort(2, 0, 0, "stream"),
    "freeze worker": Sort(2, 1.6 * TTL_SECONDS, 2.5 * TTL_SECONDS, "worker"),
    "freeze api": Sort(1, 1.6 * TTL_SECONDS, 2 * TTL_SECONDS, "api"),
    "freeze stream": Sort(1, 1.6 * TTL_SECONDS, 2 * TTL_SECONDS, "stream"),
    "kill redis": Sort(1, 3, 10),
    "flush redis": Sort(1, 0, 0),
    "freeze redis": Sort(1, 4, 8),
    "repeat bells": Sort(1, 5, 5),
    "restart postgres fast": Sort(1, 0, 0),
    "restart postgres immediate": Sort(1, 0, 0),
    "stop postgres for 30 s": Sort(1, 30, 30),
    "cut off worker's database": Sort(1, 10, 10, "worker"),
    "cut off api's database": Sort(1, 10, 10, "api"),
    "rolling restart": Sort(1, 0, 0),
}


class Fault(msgspec.Struct, frozen=True):
    """One fault of a schedule. `at` counts from the start of the load, `target` is a process's name."""

    at: float
    sort: str
    target: str
    seconds: float


def schedule(
    seed: int,
    seconds: float,
    processes: Sequence[str],
    deck: Mapping[str, Sort] = DECK,
) -> list[Fault]:
    """The faults of a run of this length, dealt from shuffled decks. The same seed gives the same."""
    dice = random.Random(seed)
    at, hand, made = WARM_UP_SECONDS, list[str](), list[Fault]()
    while True:
        if not hand:
            hand = [name for name, sort in deck.items() for _ in range(sort.times)]
            dice.shuffle(hand)
        name = hand.pop()
        sort = deck[name]
        lasts = round(dice.uniform(sort.shortest, sort.longest), 2)
        targets = [process for process in processes if sort.role and process.startswith(sort.role)]
        target = dice.choice(targets) if targets else ""
        pause = dice.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)
        if at + lasts + pause > seconds:
            return made
        made.append(Fault(round(at, 2), name, target, lasts))
        at += lasts + pause + cost(name)


def cost(name: str) -> float:
    """Seconds that carrying it out takes beside its own length, about."""
    return 20.0 if name == "rolling restart" else 0.0
