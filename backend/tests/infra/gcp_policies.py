"""What the Terraform code for Google Cloud must never do: each policy gives a sentence for each fault."""

import re
from collections.abc import Iterator
from typing import Any

from helium.cli.backup import KEY
from tests.support.settings_names import setting_names
from tests.support.terraform import Code, Named

MODULES = "infra/modules/gcp"
SERVICE = f"{MODULES}/service/main.tf"
STACKS = ("infra/stacks/gcp-staging", "infra/stacks/gcp-prod")
MOST_LINES = 400
DIGEST = "@sha256:"
PRIMITIVE = re.compile(r"roles/(owner|editor|viewer)\b")
WIDE = re.compile(r"roles/[\w.]*[aA]dmin\b")
EVERYBODY = re.compile(r"\ballUsers\b|\ballAuthenticatedUsers\b")
PROTECTED = {
    "google_cloud_run_v2_job",
    "google_cloud_run_v2_service",
    "google_redis_instance",
    "google_secret_manager_secret",
    "google_sql_database_instance",
}
PROTECTION = ('${var.environment == "prod"}', "${var.deletion_protection}")
RETRIES = {
    "max_attempts": -1,
    "max_retry_duration": "0s",
    "min_backoff": "1s",
    "max_backoff": "30s",
    "max_doublings": 4,
}
# No secrets, though Secret Manager keeps them: Cloud Run mounts files from nowhere else.
PLAIN_FILES = {("cache", "ca"), ("service", "metrics")}


def containers(resource: Named) -> Iterator[dict[str, Any]]:
    """All containers of a service or a job, those of `dynamic` blocks too."""
    template = resource.body["template"][0]
    template = template["template"][0] if resource.kind.endswith("_job") else template
    yield from template["containers"]
    for dynamic in template.get("dynamic", []):
        if "containers" in dynamic:
            yield from dynamic["containers"]["content"]


def cpu_idle_is_explicit(code: Code) -> list[str]:
    return [
        f"{service}: {container['name']} may be left without a CPU between requests."
        for service in code.resources("google_cloud_run_v2_service")
        for container in containers(service)
        if container["resources"][0].get("cpu_idle") is not False
    ]


def probes_tell_life_from_readiness(code: Code) -> list[str]:
    wanted = {
        "startup_probe": "/api/ready",
        "liveness_probe": "/api/health",
        "readiness_probe": "/api/ready",
    }
    return [
        f"{service}: {probe} must ask {path}."
        for service in code.resources("google_cloud_run_v2_service")
        for probe, path in wanted.items()
        if (service.body["template"][0]["containers"][0].get(probe) or [{}])[0]
        .get("http_get", [{}])[0]
        .get("path")
        != path
    ]


def no_worker_is_public(code: Code) -> list[str]:
    found = [
        f"{file}: everybody has a right." for file, text in code.files.items() if EVERYBODY.search(text)
    ]
    for service in code.resources("google_cloud_run_v2_service"):
        if (
            service.body["ingress"]
            != '${var.public ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"}'
        ):
            found.append(f"{service}: its ingress does not depend on public alone.")
    guards = [
        rule["condition"] for rule in _variable(code, f"{MODULES}/service", "public").body["validation"]
    ]
    if '${!(var.public && var.role == "worker")}' not in guards:
        found.append("A public worker is not refused.")
    found += [
        f"{module}: the worker is public."
        for module in code.blocks("module")
        if module.name == "service" and module.body["public"] != '${each.key != "worker"}'
    ]
    return found


def no_role_is_primitive_or_wide(code: Code) -> list[str]:
    return [
        f"{file}: {role[0]} is too much."
        for file, tree in code.terraform()
        for block in ("resource", "locals", "module")
        for pattern in (PRIMITIVE, WIDE)
        for role in pattern.finditer(str(tree.get(block, "")))
    ]


def each_queue_has_one_for_the_dead(code: Code) -> list[str]:
    queues = code.resources("google_cloud_tasks_queue")
    dead = {queue.body["name"]: queue for queue in queues if queue.body["name"].endswith("-dead")}
    found = [
        f"{queue}: never paused." for queue in dead.values() if queue.body.get("desired_state") != "PAUSED"
    ]
    for queue in queues:
        if queue.body["name"] not in dead and f"{queue.body['name']}-dead" not in dead:
            found.append(f"{queue}: there is no place for its dead messages.")
        if queue.body["retry_config"] != [RETRIES]:
            found.append(f"{queue}: its retries are not those of decision 16.")
        if "http_target" in queue.body:
            found.append(f"{queue}: each message carries its own token; the queue must have no target.")
    return found


def prod_is_protected_against_deletion(code: Code) -> list[str]:
    found = [
        f"{resource}: can be deleted in prod."
        for resource in code.resources(*PROTECTED)
        if resource.body.get("deletion_protection") not in PROTECTION
    ]
    found += [
        f"{bucket}: is deleted with its files."
        for bucket in code.resources("google_storage_bucket")
        if bucket.body.get("force_destroy") != '${var.environment == "staging"}'
    ]
    for database in code.resources("google_sql_database_instance"):
        if database.body["settings"][0].get("deletion_protection_enabled") != "${var.deletion_protection}":
            found.append(f"{database}: can be deleted outside of Terraform.")
    if code.local(f"{STACKS[1]}/sizes.tf", "deletion_protection") is not True:
        found.append("The database of prod can be deleted.")
    return found


def images_have_digests(code: Code) -> list[str]:
    found = [
        f"{resource}: {container['image']} is not one of the checked variables."
        for resource in code.resources("google_cloud_run_v2_service", "google_cloud_run_v2_job")
        for container in containers(resource)
        if container["image"] not in ("${var.image}", "${containers.value.image}")
    ]
    return found + [
        f"{variable}: need not have a digest."
        for variable in code.blocks("variable")
        if variable.name in ("image", "metrics_image", "metrics")
        and not any(DIGEST in str(rule["condition"]) for rule in variable.body.get("validation", []))
    ]


def secrets_are_in_no_state_and_no_variable(code: Code) -> list[str]:
    found = [
        f"{version}: its value is in the state."
        for version in code.resources("google_secret_manager_secret_version")
        if "secret_data" in version.body and (version.file.split("/")[3], version.name) not in PLAIN_FILES
    ]
    found += [
        f"{user}: its password is in the state."
        for user in code.resources("google_sql_user")
        if "password" in user.body
    ]
    found += [
        f"{variable}: is written into plans."
        for variable in code.blocks("variable")
        if re.search(r"password$|^values$|^secret_values$", variable.name)
        and not (variable.body.get("ephemeral") is True and variable.body.get("sensitive") is True)
    ]
    references = code.local(SERVICE, "references")
    if references != '${{for variable, id in var.secrets : variable => "secret:gcp:${id}"}}':
        found.append("Secrets are more than references.")
    return found


def settings_are_real(code: Code) -> list[str]:
    real = setting_names() | {KEY}
    return [
        f"{file}: {name} is no setting."
        for file, text in code.files.items()
        for name in sorted(set(re.findall(r"\bHELIUM_[A-Z][A-Z0-9_]*[A-Z0-9]", text)) - real)
    ]


def files_are_short(code: Code) -> list[str]:
    return [
        f"{file}: has more than {MOST_LINES} lines."
        for file, text in code.files.items()
        if text.count("\n") > MOST_LINES
    ]


def variables_are_typed_described_and_checked(code: Code) -> list[str]:
    """A yes or no has nothing to check; and what is ephemeral may hold any text."""
    found: list[str] = []
    for variable in code.blocks("variable"):
        missing = {"type", "description"} - variable.body.keys()
        if not missing and "validation" not in variable.body:
            free = variable.body["type"] == "bool" or variable.body.get("ephemeral") is True
            missing = set() if free else {"validation"}
        found += [f"{variable}: no {part}." for part in sorted(missing)]
    found += [
        f"{output}: no description." for output in code.blocks("output") if "description" not in output.body
    ]
    for file, tree in code.terraform():
        for kind in ("variable", "output"):
            names = [name for block in tree.get(kind, []) for name in block]
            if names != sorted(names):
                found.append(f"{file}: {kind}s are not in the alphabet's order.")
    return found


def versions_are_ranges_in_modules_and_exact_in_stacks(code: Code) -> list[str]:
    found: list[str] = []
    for file, tree in code.terraform():
        for block in tree.get("terraform", []):
            for name, provider in block["required_providers"][0].items():
                exact = re.fullmatch(r"\d+\.\d+\.\d+", provider["version"]) is not None
                if exact != file.startswith(STACKS):
                    found.append(f"{file}: {name} {provider['version']}")
    return found


def _variable(code: Code, folder: str, name: str) -> Named:
    return next(
        each for each in code.blocks("variable") if each.name == name and each.file.startswith(f"{folder}/")
    )


POLICIES = (
    cpu_idle_is_explicit,
    probes_tell_life_from_readiness,
    no_worker_is_public,
    no_role_is_primitive_or_wide,
    each_queue_has_one_for_the_dead,
    prod_is_protected_against_deletion,
    images_have_digests,
    secrets_are_in_no_state_and_no_variable,
    settings_are_real,
    files_are_short,
    variables_are_typed_described_and_checked,
    versions_are_ranges_in_modules_and_exact_in_stacks,
)
