"""The lines of AWS: Fargate on ARM, ElastiCache, SQS, a load balancer, NAT gateways, CloudFront."""

from collections.abc import Iterator

from helium.plan.bill import Charge, Line, above
from helium.plan.prices import DAYS_PER_MONTH, HOURS_PER_MONTH
from helium.plan.sizes import ROLES
from helium.plan.usage import Usage

GIB_PER_GB = 2**30 / 1e9
FREE_CLOUDFRONT_GB = 1000
FREE_CLOUDFRONT_MILLION = 10
FREE_SQS_MILLION = 1
FREE_LOGS_GB = 5
FREE_METRICS = FREE_ALARMS = 10
FREE_EGRESS_GB = 100
# An idle worker asks once in 20 s; a message that is worked on is kept hidden three times in 60 s.
POLL_SECONDS = HEARTBEAT_SECONDS = 20
LCU_CONNECTIONS, LCU_GB_PER_HOUR = 3000, 1.0


def aws_lines(usage: Usage, charge: Charge) -> Iterator[Line]:
    yield from _processes(usage, charge)
    nodes = usage.copies * HOURS_PER_MONTH
    yield charge("Redis", f"ElastiCache, Valkey t4g.small, {usage.copies} ×", "aws_cache_small", nodes)
    yield charge("queue", "SQS", "aws_sqs", above(requests_million(usage), FREE_SQS_MILLION))
    yield charge("files", "S3", "aws_storage", usage.demand.files_gib * GIB_PER_GB)
    yield charge("files", "S3: backups", "aws_storage", usage.demand.backups_gib * GIB_PER_GB)
    writes = usage.demand.runs_per_month * usage.assumed.file_bytes_per_run / 1e6 / 1e3
    yield charge("files", "S3: writes", "aws_storage_writes", writes)
    images = usage.assumed.images * usage.assumed.image_gib * GIB_PER_GB
    yield charge("files", "images", "aws_registry", images)
    yield from _network(usage, charge)
    yield from _edge(usage, charge)
    logs = usage.demand.logs_gib * GIB_PER_GB
    yield charge("watching", "logs above 5 GB", "aws_logs", above(logs, FREE_LOGS_GB))
    yield charge("watching", "metrics", "aws_metrics", above(usage.assumed.metrics, FREE_METRICS))
    yield charge("watching", "alarms", "aws_alarms", above(usage.assumed.alarms, FREE_ALARMS))
    yield charge("others", "secrets", "aws_secrets", usage.assumed.secrets)


def _processes(usage: Usage, charge: Charge) -> Iterator[Line]:
    for role in ROLES:
        size, hours = usage.sizes[role], usage.instance_hours[role] * DAYS_PER_MONTH
        # The base is on demand; Spot is a share of what is above it.
        base = min(hours, size.min * HOURS_PER_MONTH)
        spot = (hours - base) * size.spot_percent / 100
        steady = hours - spot
        gib = size.memory_mib / 1024
        yield charge("processes", f"{role}: vCPU", "aws_vcpu", size.cpu * steady)
        yield charge("processes", f"{role}: memory", "aws_memory", gib * steady)
        if spot:
            yield charge("processes", f"{role}: vCPU, Spot", "aws_spot_vcpu", size.cpu * spot)
            yield charge("processes", f"{role}: memory, Spot", "aws_spot_memory", gib * spot)


def _network(usage: Usage, charge: Charge) -> Iterator[Line]:
    demand = usage.demand
    out, through = demand.to_models_gib, demand.to_models_gib + demand.from_models_gib
    if usage.provider == "supabase":
        out += demand.to_database_gib
        through += demand.to_database_gib + demand.from_database_gib
    gateways = usage.copies * HOURS_PER_MONTH
    yield charge("network", f"NAT gateways, {usage.copies} ×", "aws_nat", gateways)
    yield charge("network", "NAT: bytes of models and database", "aws_nat_bytes", through * GIB_PER_GB)
    yield charge("network", "addresses of NAT gateways", "aws_address", usage.copies)
    egress = above(out * GIB_PER_GB, FREE_EGRESS_GB)
    yield charge("network", "egress to models and database", "aws_egress", egress)


def _edge(usage: Usage, charge: Charge) -> Iterator[Line]:
    demand = usage.demand
    egress = demand.egress_gib * GIB_PER_GB
    open_streams = sum(demand.users) / len(demand.users) * usage.assumed.streams_per_user
    units = max(open_streams / LCU_CONNECTIONS, egress / HOURS_PER_MONTH / LCU_GB_PER_HOUR)
    requests = demand.runs_per_month * usage.assumed.requests_per_run / 1e6
    yield charge("edge", "load balancer: ALB", "aws_alb", HOURS_PER_MONTH)
    yield charge("edge", "load balancer: capacity units", "aws_lcu", units * HOURS_PER_MONTH)
    paid = above(egress, FREE_CLOUDFRONT_GB)
    yield charge("edge", "egress to viewers: CloudFront above 1 TB", "aws_cloudfront", paid)
    paid = above(requests, FREE_CLOUDFRONT_MILLION)
    yield charge("edge", "CloudFront: requests above 10 million", "aws_cloudfront_requests", paid)
    yield charge("edge", "names and the probe", "aws_names", 1)


def requests_million(usage: Usage) -> float:
    """Send, receive and delete for each run, its heartbeats, and the polls of workers."""
    demand = usage.demand
    each = 3 + demand.run.seconds // HEARTBEAT_SECONDS
    polls = usage.instance_hours["worker"] * DAYS_PER_MONTH * 3600 / POLL_SECONDS
    return (demand.runs_per_month * each + polls) / 1e6
