"""Every instrument of Helium. `docs/reference/metrics.md` is made from this page.

The three names without `helium_` are the founding document's; `process_…` are Prometheus's own. Times
are in seconds. An instrument of the source `database` is read from there at each scrape: every process
shows the same figure, so over several take the `max`, not the sum.
"""

from helium.kit.metrics.registry import Label, Registry

REGISTRY = Registry()

STATUS_CODES = (
    *("200", "201", "202", "204", "206", "302", "304", "307"),
    *("400", "401", "402", "403", "404", "405", "408", "409", "410", "413", "415", "422", "429", "499"),
    *("500", "502", "503", "504"),
)
ENDINGS = ("completed", "failed", "cancelled", "incomplete")
BUDGETS = (
    *("max_steps", "max_tokens", "max_output_tokens", "max_cost", "max_seconds", "max_tool_calls"),
    *("max_events", "content_filter"),
)
FAILURES = (
    *("model_auth", "model_not_configured", "model_not_found", "model_quota", "model_refused_request"),
    *("model_timeout", "model_unavailable", "context_too_long", "poison", "step_mismatch"),
    *("demonstration_failure", "script_over", "scripted_failure"),
)
NO_REASON = "none"
ACTION_KINDS = ("approval", "question", "in_doubt")
ROLES = ("all", "api", "stream", "worker", "sweeper")

METHOD = Label("method", ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
ROUTE = Label("route", open_to="templates of routes, such as `/v1/runs/{run_id}`")
STATUS_CODE = Label("status", STATUS_CODES)
RUN_STATUS = Label("status", ENDINGS)
RUN_REASON = Label("reason", (NO_REASON, *BUDGETS, *FAILURES))
PROVIDER = Label("provider", open_to="providers of models that Helium knows")
MODEL = Label("model", open_to="models listed in `HELIUM_METRICS__MODELS`")
TOOL = Label("tool", open_to="tools of this installation")
NAMESPACE = Label("namespace", open_to="namespaces of the cache")
VERSION = Label("version", open_to="the version that runs")

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

# --- Requests ----------------------------------------------------------------------------------

REQUEST_SECONDS = REGISTRY.histogram(
    "request_duration_seconds",
    "Time from a request's arrival to the end of its answer; to the start of the answer if that is a "
    "stream of events. 499: the client left before the answer began.",
    REQUEST,
    METHOD,
    ROUTE,
    STATUS_CODE,
)
REFUSALS = REGISTRY.counter(
    "helium_refusals_total",
    "Requests answered with 429: a key sent more than its rate, or as many runs wait as may wait.",
    Label("reason", ("too_many_requests", "too_many_runs")),
)

# --- Runs --------------------------------------------------------------------------------------

AGENT_RUNS = REGISTRY.counter(
    "agent_runs_total",
    "Runs that ended, by the state they ended in. Counted in the transaction that ends the run.",
    RUN_STATUS,
    source="database",
)
RUN_ENDINGS = REGISTRY.counter(
    "helium_run_endings_total",
    "The same runs, also by reason: the budget that ran out, or the code of the error.",
    RUN_STATUS,
    RUN_REASON,
    source="database",
)
ACTIVE_AGENTS = REGISTRY.gauge(
    "active_agents_count", "Runs in progress, on all hosts.", source="database", combine="max"
)
QUEUE_RUNS = REGISTRY.gauge(
    "helium_queue_runs",
    "Queued runs: due now, due later (a retry's pause), or held behind another run of their thread.",
    Label("state", ("due", "later", "held")),
    source="database",
    combine="max",
)
QUEUE_AGE = REGISTRY.gauge(
    "helium_queue_age_seconds",
    "How long the oldest due run has waited; 0 if none waits.",
    source="database",
    combine="max",
)
ABANDONED = REGISTRY.gauge(
    "helium_abandoned_runs",
    "Runs in progress whose worker's lease has expired; sweepers return them within seconds.",
    source="database",
    combine="max",
)
WORKERS = REGISTRY.gauge(
    "helium_workers", "Workers whose lease is valid, on all hosts.", source="database", combine="max"
)
DATABASE_UP = REGISTRY.gauge(
    "helium_database_up",
    "1 if the database answered this scrape; if it is 0, what is read from there is left out.",
    source="database",
    combine="max",
)

# --- Workers -----------------------------------------------------------------------------------

CLAIM_SECONDS = REGISTRY.histogram(
    "helium_claim_latency_seconds", "Time from a run's becoming due to its being claimed.", SLOW
)
RUNNING = REGISTRY.gauge("helium_running_slots", "Runs that this process executes.")
SLOTS = REGISTRY.gauge("helium_slots", "Runs that this process may execute at once.")
PROTECTION_FAILURES = REGISTRY.counter(
    "helium_protection_failures_total",
    "Questions for protection on Amazon ECS that its agent did not answer as it should.",
)
TAKEOVERS = REGISTRY.counter(
    "helium_lease_takeovers_total",
    "Runs taken back from a worker: its lease expired, it crashed and its supervisor gave them back, or "
    "it did not know that it had them.",
    Label("reason", ("expired", "crashed", "disowned")),
)
DEAD_LETTERS = REGISTRY.counter(
    "helium_dead_letters_total",
    "Messages of the queue that were buried: not the id of a run, or of a run that ends its workers.",
    Label("reason", ("not_a_run", "poison")),
)
RENEWAL_FAILURES = REGISTRY.counter(
    "helium_lease_renewal_failures_total",
    "Renewals of a worker's lease that the database did not answer. Counted by the lease's own thread.",
)
COMMIT_SECONDS = REGISTRY.histogram(
    "helium_commit_seconds", "Time of a group commit of the event log, repetitions included.", FAST
)
COMMIT_FAILURES = REGISTRY.counter(
    "helium_commit_failures_total", "Group commits that the database did not answer and that are repeated."
)

BELLS = REGISTRY.counter(
    "helium_bells_total",
    "Runs that others were told of: by the bus over Redis (`work`, `events`, `cancel`), or by a message of "
    "the queue (`queue`). `failed`: Redis or the queue did not take it; `dropped`: too many waited, or they"
    " came while it was away. No run is lost by either: who listens also looks.",
    Label("kind", ("work", "events", "cancel", "queue")),
    Label("outcome", ("published", "failed", "dropped")),
)

# --- Steps, models, tools ----------------------------------------------------------------------

STEP_SECONDS = REGISTRY.histogram(
    "helium_step_duration_seconds",
    "Time of a step: a model call with its tries, or a tool call.",
    SLOW,
    Label("kind", ("model", "tool")),
)
FIRST_TOKEN_SECONDS = REGISTRY.histogram(
    "helium_first_token_seconds",
    "Time from the start of a try at a model call to the first of its answer.",
    SLOW,
    PROVIDER,
)
INTER_TOKEN_SECONDS = REGISTRY.histogram(
    "helium_inter_token_seconds",
    "Mean time between two tokens of one answer, once for each answer.",
    FAST,
    PROVIDER,
)
MODEL_TRIES = REGISTRY.counter(
    "helium_model_tries_total",
    "Tries at model calls, by how they went; what is `retryable` may be tried again.",
    PROVIDER,
    Label("outcome", ("answered", "retryable", "failed", "timeout")),
)
TOKENS = REGISTRY.counter(
    "helium_tokens_total",
    "Tokens that providers counted. `cached` are part of `input`, `reasoning` of `output`.",
    PROVIDER,
    MODEL,
    Label("kind", ("input", "cached", "output", "reasoning")),
)
COST = REGISTRY.counter(
    "helium_cost_usd_total", "What those tokens cost by the price list, in US dollars.", PROVIDER, MODEL
)
TOOL_CALLS = REGISTRY.counter(
    "helium_tool_calls_total",
    "Tool calls carried out; `error` is one that the model was told of.",
    TOOL,
    Label("outcome", ("ok", "error")),
)
ACTIONS = REGISTRY.counter(
    "helium_actions_required_total",
    "Runs that began to wait for a person, by why; `in_doubt`: nobody knows whether an effect happened.",
    Label("kind", ACTION_KINDS),
)
ACTIONS_WAITING = REGISTRY.gauge(
    "helium_actions_waiting",
    "Runs that wait for a person now, by why.",
    Label("kind", ACTION_KINDS),
    source="database",
    combine="max",
)
ACTION_AGE = REGISTRY.gauge(
    "helium_action_age_seconds",
    "How long the oldest of them has waited; 0 if none waits.",
    Label("kind", ACTION_KINDS),
    source="database",
    combine="max",
)
RETRACTIONS = REGISTRY.counter(
    "helium_retractions_total",
    "Half-said answers that were taken back: a worker died, a try failed, the run was handed over, or "
    "it ended.",
    Label("reason", ("takeover", "retry", "handover", "end")),
)

# --- Viewers -----------------------------------------------------------------------------------

EVENT_LAG_SECONDS = REGISTRY.histogram(
    "helium_event_lag_seconds",
    "Time from the start of an event's commit (the database's clock) to its writing to a viewer's socket "
    "(this host's clock). Events from before the viewer came are left out.",
    FAST,
)
VIEWERS = REGISTRY.gauge(
    "helium_viewers", "Viewers of runs: open event streams, and requests that wait for a run's end."
)
VIEWER_STARTS = REGISTRY.counter(
    "helium_viewer_connections_total",
    "Event streams that were opened: from the beginning, or again after a cut.",
    Label("kind", ("first", "again")),
)
VIEWER_ENDS = REGISTRY.counter(
    "helium_viewer_ends_total",
    "Event streams that ended: with the run, because the viewer left, or because it was asked to come "
    "back (a deploy, or an old connection).",
    Label("reason", ("finished", "left", "asked_back")),
)

# --- Cache, database, process ------------------------------------------------------------------

CACHE_LOOKUPS = REGISTRY.counter(
    "helium_cache_lookups_total",
    "Look-ups in the cache.",
    NAMESPACE,
    Label("outcome", ("hit", "stale", "miss")),
)
CACHE_FAILURES = REGISTRY.counter(
    "helium_cache_failures_total",
    "Times that the cache's backend was away or held what cannot be read.",
    NAMESPACE,
)
POOL = REGISTRY.gauge(
    "helium_database_pool_connections",
    "Connections of the pools to the database.",
    Label("state", ("idle", "in_use")),
)
POOL_WAITING = REGISTRY.gauge(
    "helium_database_pool_waiting", "Queries that wait for a connection of the pool."
)
POOL_LIMIT = REGISTRY.gauge("helium_database_pool_limit", "Connections that the pools may open.")
LOOP_LAG_SECONDS = REGISTRY.histogram(
    "helium_event_loop_lag_seconds", "How much too late the event loop came to a timer.", FAST
)
PROCESS_STARTS = REGISTRY.counter(
    "helium_process_starts_total",
    "Processes that were started behind this address, by role. A supervisor counts each that it starts, "
    "also one that ends before it serves; a process by itself counts 1, once.",
    Label("role", ROLES),
)
PROCESSES = REGISTRY.gauge("helium_processes", "Processes behind this address.")
BUILD = REGISTRY.gauge("helium_build_info", "1 for each process of this version.", VERSION)
CPU_SECONDS = REGISTRY.counter(
    "process_cpu_seconds_total", "User and system time of the processes behind this address."
)
RESIDENT_BYTES = REGISTRY.gauge(
    "process_resident_memory_bytes", "Resident memory of the processes behind this address."
)
