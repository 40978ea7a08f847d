"""Random histories on the model and on PostgreSQL. HELIUM_EXAMPLES says how many, and makes them new."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from helium.db.database import open_database
from tests.db.differential import Run, TwoStores
from tests.support.sides import PostgresSide

FEW = 80
MANY = os.environ.get("HELIUM_EXAMPLES")


def two_stores(side: PostgresSide, run: Run) -> type[TwoStores]:
    class OnThisSide(TwoStores):
        def __init__(self) -> None:
            super().__init__(side, run)

    return OnThisSide


@pytest.mark.timeout(900)  # a failure is made small before it is told
def test_the_model_and_postgres_answer_and_end_the_same(shared_url: str) -> None:
    with asyncio.Runner() as runner:
        opening = open_database(shared_url, pool_size=2, pooler=False)
        side = PostgresSide(runner.run(opening.__aenter__()))
        try:
            run_state_machine_as_test(
                two_stores(side, runner.run),
                settings=settings(
                    max_examples=int(MANY or FEW),
                    derandomize=MANY is None,
                    stateful_step_count=60,
                    deadline=None,
                    database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
                ),
            )
        finally:
            runner.run(opening.__aexit__(None, None, None))
