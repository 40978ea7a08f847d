"""How often a server looks for rubbish among its objects."""

import subprocess
import sys

PROGRAM = """
import gc
from helium.bootstrap import tune_garbage_collector
tune_garbage_collector()
looks = []
gc.callbacks.append(lambda phase, info: looks.append(phase))
alive = [[] for _ in range({objects})]
print(len(looks))
"""


def looks(objects: int) -> int:
    """How often Python looked for rubbish while so many objects came and stayed, in a fresh process."""
    program = PROGRAM.format(objects=objects)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_guard_a_thousand_runs_that_come_at_once_are_not_searched_for_rubbish() -> None:
    assert looks(1000 * 400) == 0


def test_rubbish_does_not_grow_without_bound() -> None:
    assert looks(600_000) > 0
