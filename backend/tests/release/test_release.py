"""What is true of a release on each cloud."""

import asyncio
from typing import Any

import msgspec
import pytest

from helium.kit.clock import SystemClock
from helium.release import CloudAway, Locked, NotReleasable, ReleaseOptions, Superseded, open_release
from tests.release.place import IMAGE, FastClock, Installation, Watched
from tests.release.server import Fault
from tests.support.processes import until

STATES = [
    *("migrating", "creating", "smoking", "shifting 25", "soaking 25", "shifting 50", "soaking 50"),
    *("shifting 100", "soaking 100", "promoting"),
]


@pytest.mark.parametrize("percent", [25, 50, 100])
async def test_a_burning_budget_brings_all_traffic_back(place: Installation, percent: int) -> None:
    place.fake.helium.burns_at = percent

    release = await place.start()

    assert release.state == "rolled_back"
    assert f"At {percent} % 500 of 1000 requests failed: the budget burns 500.0 times" in release.reason
    assert max(place.shares()) == percent
    place.ended_well(release)


async def test_errors_within_the_limit_do_not_stop_a_release(place: Installation) -> None:
    place.fake.helium.errors = 14.0  # of 1000: 14 times too fast, and 14.4 is the limit

    assert (await place.start()).state == "promoted"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"ready": 503}, "/api/ready: status 503"),
        ({"run_status": "failed"}, "ended as failed"),
        ({"silent": True}, "ended without an answer"),
        ({"run_status": "in_progress"}, "the run is in_progress"),
        ({"token": "another"}, "token was refused with 401"),
    ],
)
async def test_a_failed_smoke_test_rolls_back_before_any_traffic(
    place: Installation, broken: dict[str, object], said: str
) -> None:
    for name, value in broken.items():
        setattr(place.fake.helium, name, value)

    release = await place.start()

    assert release.state == "rolled_back"
    assert said in release.reason
    assert max(place.shares()) == 0
    place.ended_well(release)


async def test_two_releases_cannot_run_at_once(place: Installation) -> None:
    watched = Watched()
    async with place.conductor(watched, soak_seconds=60) as first:
        running = asyncio.create_task(first.start(IMAGE))
        await until(lambda: bool(watched.seen), "the first soak")
        before = list(place.fake.changes)

        with pytest.raises(Locked, match="Another process works on the release"):
            await place.start()
        async with place.conductor() as second:
            with pytest.raises(Locked, match="Another process works on the release"):
                await second.resume()
            with pytest.raises(Locked, match="Another process works on the release"):
                await second.roll_back()

        assert place.fake.changes == before
        watched.stop.set()
        place.ended_well(await running)


async def test_two_that_begin_at_the_same_moment_cannot_both_win(place: Installation) -> None:
    watched = Watched(stop_at="soaking 25")
    started = [place.start(watched), place.start(watched)]

    ends = await asyncio.gather(*started, return_exceptions=True)

    won = [end for end in ends if not isinstance(end, BaseException)]
    assert len(won) == 1
    assert isinstance(next(end for end in ends if end not in won), Locked | Superseded | NotReleasable)
    place.ended_well(won[0])


async def test_an_abandoned_release_must_be_ended_before_another_begins(place: Installation) -> None:
    with pytest.raises(Locked):
        await _left(place, "soaking 25")

    with pytest.raises(Locked, match="bring it to an end with `helium release resume`"):
        await place.start()

    async with place.conductor() as conductor:
        release = await conductor.resume()
    assert release.state == "promoted"
    place.ended_well(release)


async def test_a_releaser_that_was_superseded_changes_nothing_more(place: Installation) -> None:
    watched = Watched()
    async with place.conductor(watched, soak_seconds=60, poll_seconds=0.05) as first:
        running = asyncio.create_task(first.start(IMAGE))
        await until(lambda: bool(watched.seen), "the first soak")
        async with place.conductor() as second:
            release = await second.roll_back(take_over=True)
        before = list(place.fake.changes)
        watched.stop.set()  # the first would roll back as well

        with pytest.raises(Superseded, match="Another process took over"):
            await running

    assert release.state == "rolled_back"
    assert place.fake.changes == before
    place.ended_well(release)


async def test_a_lock_is_renewed_and_its_loss_noticed_while_nothing_else_is_written(
    place: Installation,
) -> None:
    watched = Watched()
    quiet: dict[str, Any] = {"soak_seconds": 60, "poll_seconds": 60, "lock_seconds": 0.2}
    async with place.conductor(watched, **quiet) as first:
        running = asyncio.create_task(first.start(IMAGE))
        await until(lambda: bool(watched.seen), "the first soak")
        version = (await place.read()).version

        async def renewed() -> bool:
            return (await place.read()).version >= version + 2

        await until(renewed, "renewals")
        async with place.conductor() as second:
            await second.roll_back(take_over=True)
        with pytest.raises(Superseded):
            await running


async def test_the_lock_of_a_dead_releaser_ends(place: Installation) -> None:
    watched = Watched()
    async with place.conductor(watched, soak_seconds=60, lock_seconds=30) as dead:
        running = asyncio.create_task(dead.start(IMAGE))
        await until(lambda: bool(watched.seen), "the first soak")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async with place.conductor() as early:
        with pytest.raises(Locked, match="make sure that it is dead and say --take-over"):
            await early.resume()
    clock = FastClock()
    await clock.sleep(31)
    async with place.conductor(clock=clock) as late:
        place.ended_well(await late.roll_back())


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_cloud_that_answers_errors_for_a_while_is_asked_again(
    place: Installation, carried_out: bool
) -> None:
    faults = [Fault(503, carried_out), Fault(429, carried_out), Fault(500, carried_out)]
    watched = Watched()
    watched.on_act = lambda: place.fake.faults.extend(faults)

    async with place.conductor(watched, clock=FastClock(), cloud_patience_seconds=600) as conductor:
        release = await conductor.start(IMAGE)

    assert release.state == "promoted"
    place.went_forward()
    place.ended_well(release)


async def test_a_cloud_that_stays_away_leaves_a_record_to_resume_from(place: Installation) -> None:
    watched = Watched()
    watched.on_act = lambda: place.fake.faults.extend(
        [Fault(503)] * 1000 if watched.states[-1] == "shifting 25" else []
    )

    with pytest.raises(CloudAway, match="try again later"):
        await place.start(watched, cloud_patience_seconds=0)

    place.fake.faults.clear()
    async with place.conductor() as conductor:
        release = await conductor.resume(take_over=True)
    place.ended_well(release)


async def test_a_stop_during_a_soak_rolls_back(place: Installation) -> None:
    release = await place.start(Watched(stop_at="soaking 25"), soak_seconds=60)

    assert release.state == "rolled_back"
    assert release.reason == "Stopped by a signal while soaking."
    place.ended_well(release)


@pytest.mark.parametrize("stop_at", STATES)
async def test_a_stop_at_any_state_rolls_back(place: Installation, stop_at: str) -> None:

    release = await place.start(Watched(stop_at=stop_at))

    assert release.state == "rolled_back"
    place.ended_well(release)


async def test_too_little_traffic_is_not_judged_and_the_smoke_test_stands_in(place: Installation) -> None:
    place.fake.helium.requests, place.fake.helium.errors = 59.0, 59.0

    release = await place.start()

    assert release.state == "promoted"
    assert release.notes[0] == "At 25 %: fewer than 60 requests, so a smoke test"
    assert len(release.notes) == len(place.stages)
    assert place.fake.helium.tests == 1 + len(place.stages)
    place.ended_well(release)


async def test_with_too_little_traffic_a_failed_smoke_test_rolls_back(place: Installation) -> None:
    watched = Watched()
    place.fake.helium.requests = 0.0
    watched.on_act = lambda: setattr(
        place.fake.helium, "ready", 503 if watched.states[-1] == "soaking 25" else 200
    )

    release = await place.start(watched)

    assert release.state == "rolled_back"
    assert "/api/ready" in release.reason
    place.ended_well(release)


@pytest.mark.parametrize("broken", [{"prometheus": 500}, {"requests": None}])
async def test_a_burn_that_nobody_can_tell_rolls_back_after_patience(
    place: Installation, broken: dict[str, object]
) -> None:
    for name, value in broken.items():
        setattr(place.fake.helium, name, value)
    watched = Watched()

    async with place.conductor(watched, clock=FastClock(), patience_seconds=40) as conductor:
        release = await conductor.start(IMAGE)

    assert release.state == "rolled_back"
    assert "Nobody could say for 40 s how many requests fail" in release.reason
    assert len(watched.seen) > 3
    place.ended_well(release)


async def test_a_burn_that_nobody_can_tell_holds_the_stage_until_somebody_can(place: Installation) -> None:
    watched = Watched()
    place.fake.helium.prometheus = 500

    def back() -> None:
        if len(watched.seen) == 4:
            assert watched.states[-1] == "soaking 25"
            place.fake.helium.prometheus = 200

    watched.on_soak = back

    assert (await place.start(watched, patience_seconds=60)).state == "promoted"
    assert [seen.startswith("no answer") for seen in watched.seen[:5]] == [True] * 4 + [False]


async def test_a_promoted_release_can_be_taken_back(place: Installation) -> None:
    await place.start()

    async with place.conductor() as conductor:
        release = await conductor.roll_back()
        again = await conductor.roll_back()

    assert release.state == "rolled_back"
    assert release.reason == "A person took it back while it was promoted."
    assert again == release
    place.ended_well(release)


async def test_resuming_what_is_over_changes_nothing(place: Installation) -> None:
    release = await place.start()
    before = list(place.fake.changes)

    async with place.conductor() as conductor:
        assert await conductor.resume() == release

    assert place.fake.changes == before


async def test_acts_of_a_releaser_that_lost_its_lock_are_refused(place: Installation) -> None:
    with pytest.raises(Locked):
        await _left(place, "soaking 25")
    old = msgspec.structs.replace(await place.read(), holder="the one before")
    before = list(place.fake.changes)

    async with open_release(ReleaseOptions(**place.settings), SystemClock()) as opened:
        with pytest.raises(Superseded):
            await opened.target.shift(old, 50)
        with pytest.raises(Superseded):
            await opened.target.promote(old)
        with pytest.raises(Superseded):
            await opened.target.restore(old)

    assert place.fake.changes == before


async def _left(place: Installation, state: str) -> None:
    """Begin a release that is left at this state."""
    async with place.conductor(Watched(stop_at=state), soak_seconds=0) as conductor:
        await conductor.start(IMAGE, on_stop="leave")
