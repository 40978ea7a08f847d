"""From what was found to the verdicts."""

import pytest

from chaos.acts import Done
from chaos.faults import Fault
from chaos.judge import Takeover, takeovers
from chaos.probes import OK, REFUSED, Sample
from chaos.targets import availability, by_fault, span, takeover
from chaos.timeline import bins


def fault(sort: str, began: float, ended: float) -> Done:
    return Done(
        fault=Fault(0, sort, "", ended - began),
        began=1000 + began,
        ended=1000 + ended,
        began_monotonic=began,
        ended_monotonic=ended,
    )


def sample(at: float, first: str = OK, final: str = OK, ms: float = 5.0) -> Sample:
    return Sample(at, "run", first, ms, final, ms)


def test_a_takeover_belongs_to_the_last_fault_before_it_and_counts_from_its_beginning() -> None:
    done = [fault("kill worker", 10, 10), fault("freeze worker", 30, 36)]
    requeued = [
        (1013.0, "lease_expired", 1013.2, 2),
        (1020.0, "drain", 1020.1, 3),
        (1033.0, "lease_expired", 1033.5, 4),
    ]

    found = takeovers(requeued, done)

    assert [(one.sort, one.seconds) for one in found] == [("kill worker", 3.2), ("freeze worker", 3.5)]


def test_a_run_that_was_never_started_again_is_no_takeover() -> None:
    assert takeovers([(1013.0, "lease_expired", None, 0)], [fault("kill worker", 10, 10)]) == []


def test_a_run_that_may_kill_its_workers_waits_its_turn_and_is_told_apart_within_the_target() -> None:
    soon, late = Takeover("kill worker", 3.0, 3), Takeover("kill worker", 9.0, 4)

    r2, others, alone, given_up = takeover([soon, late], 2, 1)
    quick, *_ = takeover([soon, Takeover("kill worker", 3.0, 4)], 2, 0)

    assert "longest 9.00 s (2 runs, 2 kills)" in r2.measured
    assert others.measured.endswith("longest 3.00 s")
    assert (alone.measured, given_up.measured) == ("1 runs, longest 9.00 s", "1 runs")
    assert (r2.met, others.met, quick.met) == (False, None, True)


def test_a_gap_lasts_from_the_first_wrong_probe_to_the_last() -> None:
    done = fault("restart postgres fast", 10, 11)
    samples = [
        sample(9),
        sample(10.2, "timeout"),
        sample(10.5),
        sample(12.0, REFUSED),
        sample(30, "timeout"),
    ]

    assert span(samples, done) == pytest.approx(1.8)
    ((_, probes, wrong, _),) = by_fault(samples, [done])
    assert (probes, wrong) == (3, {"timeout": 1, REFUSED: 1})


def test_availability_counts_the_outage_of_the_database_apart() -> None:
    outage = fault("stop postgres for 30 s", 100, 130)
    samples = [sample(n / 10) for n in range(998)]
    samples += [
        sample(50, "timeout"),
        sample(51, REFUSED),
        *(sample(110, REFUSED, REFUSED) for _ in range(50)),
    ]
    samples[7] = Sample(0.7, "run", OK, 5.0, OK, 5.0, resent=True)

    strictly, resent, without_refused, retried, everywhere = availability(samples, [outage])

    assert strictly.measured.startswith("at first 997 of 1,000 ")
    assert resent.measured.startswith("998 of 1,000 ")
    assert without_refused.measured.startswith("998 of 999 ")
    assert retried.measured.startswith("1,000 of 1,000 ")
    assert everywhere.measured.startswith("998 of 1,050 ")
    assert (strictly.met, resent.met, without_refused.met, retried.met, everywhere.met) == (
        False,
        False,
        False,
        True,
        None,
    )


def test_bins_hold_five_seconds_each() -> None:
    shown = bins([sample(100.0), sample(104.9, "timeout"), sample(105.0, ms=9)], 100)

    assert [(one.at, one.probes, one.ok, one.ok_after_retry) for one in shown] == [
        (0, 2, 1, 2),
        (5, 1, 1, 1),
    ]
