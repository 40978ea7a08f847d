"""Guards of the database: what its statements refuse."""

from mutations.guard import Guard, contract, db, of_engine

LOG = "db/event_log.py"
QUEUE = "db/run_queue.py"
START = "db/run_start.py"
STORE = "db/run_store.py"
SCHEMA = "db/migrations/versions/0001_core.py"
FENCE = "run.epoch = w.epoch and run.owner_token = w.token"

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
        "suspects of a crash are kept apart",
        QUEUE,
        "                and (attempts_without_progress < {SUSPECT_DEATHS} or due_at"
        " < now() - interval '1 minute')\n",
        "",
        ("tests/recovery/test_guards.py::test_guard_suspects_go_last_and_one_at_a_time",),
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
        "an outage that lasts is answered at once",
        "db/connecting.py",
        "                if now - self._away_since >= self.seconds:\n",
        "                if False:\n",
        ("tests/db/test_connecting.py::test_guard_an_outage_that_lasts_is_answered_at_once",),
    ),
    Guard(
        "an older worker leaves what a newer engine has begun: claim",
        QUEUE,
        "(secs => $3) and engine_version <= $6\n                and (attempts",
        "(secs => $3)\n                and (attempts",
        of_engine("an_older_worker_does_not_claim_what_a_newer_one_has_begun"),
    ),
    Guard(
        "an older worker leaves what a newer engine has begun: queue",
        QUEUE,
        "        and engine_version <= $5\n",
        "",
        of_engine("an_older_worker_does_not_take_it_from_a_queue_either"),
        2,
    ),
    Guard(
        "a claim stamps the engine's version",
        QUEUE,
        ", engine_version = {engine},",
        ",",
        of_engine("both_ways_of_claiming_stamp_the_run"),
    ),
    Guard(
        "nobody is rung for what no worker here may claim",
        QUEUE,
        "        and engine_version <= $4\n",
        "        and $4::int is not null\n",
        of_engine("nobody_is_rung_for_what_no_worker_here_may_claim"),
    ),
)
