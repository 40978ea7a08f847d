"""The guards that `mutate.py` takes away: where each stands, what it becomes, who must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    file: str
    """Below backend/helium."""
    code: str
    instead: str
    tests: tuple[str, ...]
    places: int = 1


def db(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/db/test_guards.py::test_guard_{name}" for name in names)


def contract(name: str) -> tuple[str, ...]:
    return (f"tests/contract/test_run_store_limits.py::{name}",)


def engine(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/engine/test_{file}.py::test_guard_{name}" for name in names)


LOG = "db/event_log.py"
QUEUE = "db/run_queue.py"
START = "db/run_start.py"
DOORBELL = "engine/doorbell.py"
WORKER = "engine/worker.py"
STORE = "db/run_store.py"
SCHEMA = "db/migrations/versions/0001_core.py"
FENCE = "run.epoch = w.epoch and run.owner_token = w.token"
PUBLISHED_FIRST = """\
        for _, write, _ in batch:
            self._hub.publish(
                write.lease.run_id,
                [
                    LoggedEvent(seq=seq, event=event, created_at=0.0)
                    for seq, event in enumerate(write.events, write.first_seq)
                ],
            )
"""
STORED = "        results = await self._stored([write for _, write, _ in batch])\n"

GUARDS = (
    Guard("fencing token: epoch", LOG, FENCE, "run.owner_token = w.token", db("epoch_of_the_token"), 2),
    Guard("fencing token: uuid", LOG, FENCE, "run.epoch = w.epoch", db("uuid_of_the_token"), 2),
    Guard("first number", LOG, "      and run.next_seq = w.first_seq\n", "", db("first_number"), 2),
    Guard(
        "step compare-and-set",
        LOG,
        "      and (w.step is null or run.steps = w.step)\n",
        "",
        db("step_position"),
    ),
    Guard(
        "token cleared at close",
        LOG,
        "owner_token = case when w.status is null then run.owner_token end",
        "owner_token = run.owner_token",
        db("a_closed_lease_is_worth_nothing"),
    ),
    Guard(
        "token cleared when given back",
        QUEUE,
        "owner_token = null, worker_id = null",
        "worker_id = null",
        db("a_run_that_was_given_back_has_no_owner"),
    ),
    Guard(
        "a landed write is known by epoch and words",
        LOG,
        "where e.epoch = w.epoch and e.payload::text = w.payload",
        "where true",
        db("the_landed_write_is_known_by_its_words_and_epoch"),
    ),
    Guard(
        "one active run of a thread",
        SCHEMA,
        "create unique index run_one_active",
        "create index run_one_active",
        db("one_active_run_of_a_thread", "one_active_run_even_by_hand"),
    ),
    Guard(
        "terminal states are final: cancel",
        "db/cancel.py",
        "if is_terminal(run.status):",
        "if False:",
        db("a_finished_run_is_not_cancelled"),
    ),
    Guard(
        "terminal states are final: resume",
        QUEUE,
        "where id = $1 and status = 'requires_action'",
        "where id = $1",
        db("a_finished_run_is_not_resumed"),
    ),
    Guard(
        "an action is decided once",
        QUEUE,
        "where id = $1 and state = 'pending'\nreturning",
        "where id = $1\nreturning",
        db("an_action_is_decided_once"),
    ),
    Guard(
        "one question at a time",
        SCHEMA,
        "create unique index action_one_pending",
        "create index action_one_pending",
        db("a_run_asks_one_question_at_a_time"),
    ),
    Guard(
        "only expired leases are taken",
        QUEUE,
        "(w.id is null or w.lease_expires_at < clock_timestamp())",
        "true",
        db("a_living_worker_keeps_its_runs"),
    ),
    Guard(
        "a thread belongs to its workspace",
        START,
        "where id = $1 and workspace_id = $2 for no key update",
        "where id = $1 and $2::uuid is not null for no key update",
        db("a_thread_belongs_to_its_workspace"),
    ),
    Guard(
        "a key stands for one request",
        STORE,
        'row["request_hash"] != new.request_hash',
        "False",
        db("a_key_stands_for_one_request"),
    ),
    Guard(
        "commit before publish",
        "engine/log_writer.py",
        STORED,
        PUBLISHED_FIRST + STORED,
        engine("log_writer", "nothing_is_shown_before_the_store_has_it"),
    ),
    Guard(
        "renew before steal",
        "engine/sweeper.py",
        "if answered - self._healthy_since >= self._options.lease_ttl_seconds:",
        "if True:",
        engine("sweeper", "nothing_is_taken_before_the_database_was_healthy_for_a_whole_lease"),
    ),
    Guard(
        "renew before steal: a frozen database",
        "engine/sweeper.py",
        " or answered - now > self._options.lease_ttl_seconds / 2",
        "",
        ("tests/recovery/test_guards.py::test_guard_a_frozen_database_is_an_outage",),
    ),
    Guard(
        "renew before steal: a machine that slept",
        "engine/sweeper.py",
        "if self._slept():",
        "if False:",
        engine("sweeper", "a_machine_that_slept_takes_nothing_from_those_who_slept_with_it"),
    ),
    Guard(
        "fresh lease before a step",
        "engine/journal.py",
        "        await wait_until_fresh(self._lease, self._clock)\n",
        "",
        engine("worker", "no_step_starts_when_the_lease_is_no_longer_fresh"),
    ),
    Guard(
        "fresh lease before a claim",
        "engine/worker.py",
        " and self._lease.fresh(self._platform.clock.monotonic())",
        "",
        engine("worker", "a_worker_whose_lease_is_not_fresh_claims_nothing"),
    ),
    Guard(
        "a stuck loop loses its lease",
        "engine/lease.py",
        "if now - self._lease.loop_turned_at > self._stuck_loop_seconds:",
        "if False:",
        engine("lease", "a_loop_that_no_longer_turns_loses_its_lease"),
    ),
    Guard(
        "intent before effect",
        "engine/tool_call.py",
        "await self._journal.intend(",
        "(lambda effect: None)(",
        engine("tool_call", "the_intent_is_durable_before_the_effect_begins"),
    ),
    Guard(
        "an effect in doubt asks a person",
        "engine/tool_call.py",
        "        if effect is not None:\n",
        "        if False:\n",
        engine("tool_call", "a_call_that_was_begun_and_never_recorded_waits_for_a_person"),
    ),
    Guard(
        "a decision is bound to what was shown",
        "engine/tool_call.py",
        "decided.subject_hash == self._subject()",
        "True",
        engine("tool_call", "an_approval_is_for_these_arguments_and_no_others"),
    ),
    Guard(
        "a repetition is decided once",
        "engine/tool_call.py",
        " and decided.epoch > not_before",
        "",
        engine("tool_call", "a_decision_to_repeat_counts_for_one_repetition"),
    ),
    Guard(
        "a recorded step is not done again",
        "engine/journal.py",
        "        if self.recorded:\n            return self._replay(name)\n",
        "",
        engine("journal", "a_recorded_step_is_returned_and_not_done_again"),
    ),
    Guard(
        "a step's name is checked",
        "engine/journal.py",
        "if record.name != name:",
        "if False:",
        engine("journal", "a_step_of_another_name_is_an_error_instead_of_a_guess"),
    ),
    Guard(
        "a claim without an answer is given back",
        WORKER,
        "            await self._disown()\n",
        "            pass\n",
        (
            "tests/recovery/test_ambiguous_commit.py"
            "::test_a_claim_whose_answer_was_lost_is_given_back_by_its_living_worker",
        ),
    ),
    Guard(
        "suspects of a crash are kept apart",
        QUEUE,
        "                and (attempts_without_progress < {SUSPECT_DEATHS} or due_at"
        " < now() - interval '1 minute')\n",
        "",
        ("tests/recovery/test_guards.py::test_guard_suspects_go_last_and_one_at_a_time",),
    ),
    Guard(
        "a step that no slice can hold counts as an attempt",
        "engine/worker.py",
        'progress=slot.reason == "drain"',
        "progress=True",
        ("tests/recovery/test_workers.py::test_a_step_that_no_slice_can_hold_fails_its_run",),
    ),
    Guard(
        "a duplicate that meets a living lease is refused",
        DOORBELL,
        "return Refuse(found.lease_seconds + min(delivery.deliveries - 1, MOST_PATIENCE_SECONDS))",
        "return Ack()",
        engine("doorbell", "a_duplicate_that_meets_a_living_lease_is_refused_until_the_lease_could_end"),
    ),
    Guard(
        "a message is acknowledged when its run has ended",
        WORKER,
        "            await asyncio.wait([slot.task])\n",
        "            pass\n",
        engine("doorbell", "a_message_is_not_acknowledged_before_its_run_has_ended"),
    ),
    Guard(
        "a dead man's bell on each claim",
        WORKER,
        "if self._options.dead_man_bell and claimed:",
        "if False:",
        engine("doorbell", "each_claim_leaves_a_dead_mans_bell_behind"),
    ),
    Guard(
        "a bell takes over after a whole lease only",
        DOORBELL,
        "        await self._clock.sleep(self._options.lease_ttl_seconds)\n        found",
        "        found",
        engine(
            "doorbell",
            "a_dead_mans_bell_takes_the_run_over_after_watching_for_a_whole_lease",
            "after_an_outage_a_bell_takes_nothing_from_a_worker_that_renews",
        ),
    ),
    Guard(
        "a poisonous message is buried",
        DOORBELL,
        "return _poison() if _is_poison(closed) else Ack()",
        "return Ack()",
        engine("doorbell", "the_message_of_a_poisonous_run_is_buried"),
    ),
    Guard(
        "a run stops before its platform does",
        WORKER,
        "(seconds, 0.5, 0.95)",
        "(None, 0.5, 0.95)",
        engine("doorbell", "a_run_is_handed_over_at_the_first_boundary_after_half_of_its_platforms_time"),
    ),
    Guard(
        "starts near the bound are counted one after the other",
        "db/admission.py",
        "            await _lock(connection, {new.workspace_id for new in refused})\n",
        "",
        ("tests/db/test_races.py::test_guard_starts_near_the_bound_wait_for_each_other",),
    ),
    Guard(
        "a claim is shared between workspaces",
        QUEUE,
        "ceil($2::numeric / (select count(*) from waiting x where x.workspace_id is not null))",
        "$2::numeric",
        contract("test_a_workspace_with_many_waiting_runs_leaves_the_others_their_share"),
    ),
    Guard(
        "the fewest running runs come first",
        QUEUE,
        "room.busy + row_number()",
        "row_number()",
        contract("test_who_has_the_fewest_running_runs_comes_first"),
    ),
    Guard(
        "a workspace runs as many as it may",
        QUEUE,
        "            coalesce($4, 2000000000) - busy.n\n",
        "            2000000000\n",
        contract("test_a_workspace_runs_as_many_as_it_may"),
    ),
    Guard(
        "a lost bell hides an event for a moment only",
        "engine/tail.py",
        "                self._look_at_all = True\n                self._look.set()\n",
        "                pass\n",
        engine("tail", "what_a_lost_bell_hid_is_found_by_looking"),
    ),
    Guard(
        "what was read is not said again",
        "engine/tail.py",
        "                    self._offer(run_id, events)\n",
        "                    self.publish(run_id, events)\n",
        engine("tail", "what_was_read_is_not_said_on_the_bus_again"),
    ),
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
        "an outage that lasts is answered at once",
        "db/connecting.py",
        "                if now - self._away_since >= self.seconds:\n",
        "                if False:\n",
        ("tests/db/test_connecting.py::test_guard_an_outage_that_lasts_is_answered_at_once",),
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
)
