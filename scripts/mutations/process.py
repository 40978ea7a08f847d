"""Guards of a process: its start, its end, its clients."""

from mutations.guard import Guard

GUARDS = (
    Guard(
        "the runs of a dead process are given back",
        "cli/supervise.py",
        "        await self._give_back(child.worker_id)\n",
        "",
        (
            "tests/recovery/test_supervisor.py"
            "::test_guard_the_runs_of_a_dead_process_are_given_back_at_once",
        ),
    ),
    Guard(
        "connections fit the database",
        "cli/budget.py",
        "    if needed > free:\n",
        "    if False:\n",
        (
            "tests/recovery/test_supervisor.py"
            "::test_guard_more_connections_than_the_database_has_are_refused_at_the_start",
        ),
    ),
    Guard(
        "what went wrong is in the log at once",
        "kit/logs.py",
        "        if urgent:\n            lines.flush()\n",
        "",
        (
            "tests/observe/test_log_lines.py::test_a_warning_is_written_at_once_after_all_that_was_said_before",
        ),
    ),
    Guard(
        "the end of a process writes its last lines",
        "cli/app.py",
        "        flush_logs()\n",
        "        pass\n",
        ("tests/recovery/test_workers.py::test_a_drained_worker_says_so_at_its_end",),
    ),
    Guard(
        "a finished run is given to its end while a process drains",
        "features/runs/stream.py",
        " or not viewer.keeps_up)",
        ")",
        ("tests/features/test_stream.py::test_a_draining_process_still_gives_a_finished_run_to_its_end",),
    ),
    Guard(
        "the kernel takes little for a client that reads nothing",
        "cli/serve.py",
        "        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)\n",
        "        pass\n",
        ("tests/cli/test_stalled_client.py::test_guard_the_kernel_takes_little_for_a_stalled_client",),
    ),
    Guard(
        "what stands in a message is in no line of Dramatiq's",
        "adapters/dramatiq/fetching.py",
        "Discreet(message.copy())",
        "message",
        (
            "tests/contract/test_dramatiq.py"
            "::test_guard_a_message_that_cannot_be_acknowledged_is_told_by_its_id_alone",
        ),
    ),
)
