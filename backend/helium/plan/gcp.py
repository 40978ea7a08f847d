"""The lines of Google Cloud: Cloud Run, Memorystore, Cloud Tasks, and Cloudflare before them."""

import math
from collections.abc import Iterator

from helium.plan.bill import Charge, Line, above
from helium.plan.prices import DAYS_PER_MONTH
from helium.plan.sizes import ROLES
from helium.plan.usage import Usage

FREE_VCPU_SECONDS = 240_000
FREE_GIB_SECONDS = 450_000
FREE_LOGS_GIB = 50
FREE_TASKS_MILLION = 1
PUSH_SECONDS = 1500
SCRAPE_SECONDS = 30
# infra/modules/gcp/service: the collector beside each process has as much CPU as the process itself.
SIDECAR_VCPU, SIDECAR_GIB = 1.0, 0.5


def gcp_lines(usage: Usage, charge: Charge) -> Iterator[Line]:
    yield from _processes(usage, charge)
    redis = "gcp_redis_ha_1" if usage.stack.high_availability else "gcp_redis_basic_1"
    yield charge("Redis", "Memorystore, 1 GB", redis, 1)
    yield charge("queue", "Cloud Tasks", "gcp_tasks", above(tasks_million(usage), FREE_TASKS_MILLION))
    yield charge("queue", "Cloud Scheduler: sweep, backup (three are free)", "gcp_scheduler", above(2, 3))
    yield charge("files", "Cloud Storage", "gcp_storage", usage.demand.files_gib)
    yield charge("files", "Cloud Storage: backups", "gcp_storage", usage.demand.backups_gib)
    writes = usage.demand.runs_per_month * usage.assumed.file_bytes_per_run / 1e6 / 1e4
    yield charge("files", "Cloud Storage: writes", "gcp_storage_writes", writes)
    yield charge("files", "images", "gcp_registry", usage.assumed.images * usage.assumed.image_gib)
    yield from _network(usage, charge)
    yield charge("edge", "Cloudflare Pro", "cloudflare_pro", 1)
    yield charge("edge", "load balancer: Cloudflare's", "cloudflare_balancer", 1)
    yield charge("watching", "logs above 50 GiB", "gcp_logs", above(usage.demand.logs_gib, FREE_LOGS_GIB))
    yield charge("watching", "alert conditions", "gcp_conditions", usage.assumed.alarms)
    if usage.sidecar:
        yield charge("watching", "Managed Prometheus", "gcp_samples", _samples_million(usage))
    yield charge("others", "secrets", "gcp_secrets", usage.assumed.secrets)


def _processes(usage: Usage, charge: Charge) -> Iterator[Line]:
    vcpus = memory = 0.0
    for role in ROLES:
        size, seconds = usage.sizes[role], usage.instance_hours[role] * 3600 * DAYS_PER_MONTH
        vcpus += size.cpu * seconds
        memory += size.memory_mib / 1024 * seconds
        yield charge("processes", f"{role}: vCPU", "gcp_vcpu", size.cpu * seconds)
        yield charge("processes", f"{role}: memory", "gcp_memory", size.memory_mib / 1024 * seconds)
    if usage.sidecar:
        seconds = sum(usage.instance_hours.values()) * 3600 * DAYS_PER_MONTH
        vcpus += SIDECAR_VCPU * seconds
        memory += SIDECAR_GIB * seconds
        yield charge("processes", "metrics' sidecars: vCPU", "gcp_vcpu", SIDECAR_VCPU * seconds)
        yield charge("processes", "metrics' sidecars: memory", "gcp_memory", SIDECAR_GIB * seconds)
    yield charge("processes", "free vCPU", "gcp_free_vcpu", min(vcpus, FREE_VCPU_SECONDS))
    yield charge("processes", "free memory", "gcp_free_memory", min(memory, FREE_GIB_SECONDS))


def _network(usage: Usage, charge: Charge) -> Iterator[Line]:
    demand = usage.demand
    yield charge("network", "egress to viewers", "gcp_egress", above(demand.egress_gib, 1))
    yield charge("network", "egress to models", "gcp_egress", demand.to_models_gib)
    if usage.provider == "supabase":
        yield charge("network", "egress to Supabase (it is on AWS)", "gcp_egress", demand.to_database_gib)
    yield charge("network", "NAT (none: private ranges only)", "gcp_nat", 0)


def tasks_million(usage: Usage) -> float:
    """Each slice of a run has a doorbell, and its claim a delayed one; each is created and pushed."""
    demand = usage.demand
    slices = math.ceil(demand.run.seconds / PUSH_SECONDS)
    return demand.runs_per_month * (2 + 2) * slices / 1e6


def _samples_million(usage: Usage) -> float:
    scrapes = sum(usage.instance_hours.values()) * 3600 * DAYS_PER_MONTH / SCRAPE_SECONDS
    return usage.assumed.series_per_instance * scrapes / 1e6
