"""Guards of the engine: what a worker does not do, and in which order it does the rest."""

from mutations.guard import Guard, engine

DOORBELL = "engine/doorbell.py"
WORKER = "engine/worker.py"
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
        "the message of a run for newer engines is refused",
        DOORBELL,
        'if found.status == "queued" and not found.held and found.for_newer_engine:',
        "if False:",
        (
            "tests/engine/test_engine_version.py"
            "::test_guard_its_message_is_refused_each_time_for_longer_and_neither_lost_nor_buried",
        ),
    ),
)
