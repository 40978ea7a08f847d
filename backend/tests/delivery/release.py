"""The way to production: each policy gives a sentence for each fault."""

from tests.delivery.pipeline import Pipeline

PRODUCTION = ("prod-gcp", "prod-aws")


def production_is_approved(pipeline: Pipeline) -> list[str]:
    """One person's yes before everything that touches production; who asks for it can do nothing itself."""
    found: list[str] = []
    approve = pipeline.job("release.yml", "approve")
    if approve.environment != "production" or approve.permissions or "secrets" in str(approve.body):
        found.append(f"{approve} must have the environment production, and neither right nor secret")
    if not {"staging-gcp", "staging-aws", "check"} <= pipeline.before(approve):
        found.append(f"{approve} asks before staging has passed")
    for job in pipeline.jobs("release.yml"):
        where = job.environment or job.body.get("with", {}).get("environment")
        approved = "needs.approve.result == 'success'" in job.condition
        if where == "prod" and not ("approve" in job.needs and approved):
            found.append(f"{job} does not wait for a yes")
    apply = pipeline.job("stack.yml", "apply")
    if not apply.environment.startswith("apply-") or "plan" not in apply.needs:
        found.append(f"{apply} does not wait for a yes")
    return found


def applies_write_real_values(pipeline: Pipeline) -> list[str]:
    """Where a plan is only looked at it gets placeholders for secrets; where it is carried out, never."""
    plan, apply = pipeline.job("stack.yml", "plan"), pipeline.job("stack.yml", "apply")
    found = [f"{apply} could write a placeholder"] if "PLACEHOLDERS" in str(apply.body) else []
    if "apply_stack.sh" in str(plan.body) or "terraform apply" in str(plan.body):
        found.append(f"{plan} applies")
    return found


def images_are_named_by_digest(pipeline: Pipeline) -> list[str]:
    """What was built once is what is released everywhere."""
    built = "${{ needs.build.outputs.digest }}"
    found = [
        f"{job} releases {job.body['with'].get('digest')}"
        for job in pipeline.jobs("release.yml")
        if job.calls == "release-cloud.yml" and job.body["with"].get("digest") != built
    ]
    start = pipeline.files[".github/scripts/start_release.sh"]
    if "@sha256:[0-9a-f]{64}$" not in start or '--image "$image"' not in start:
        found.append("start_release.sh takes an image without a digest")
    for place, step in pipeline.steps():
        command = str(step.get("run", ""))
        if "start_release.sh" in command and '"$NAME@$DIGEST"' not in command:
            found.append(f"{place} releases by another name than the digest")
        if "release start" in command or ":latest" in command:
            found.append(f"{place} passes start_release.sh by")
    return found


def images_are_verified(pipeline: Pipeline) -> list[str]:
    """Scanned, then signed, in the job that built them; the signature is looked at before a release."""
    found: list[str] = []
    build = [str(step) for step in pipeline.job("release.yml", "build").steps]
    release = [str(step) for step in pipeline.job("release-cloud.yml", "release").steps]
    if not _in_order(build, "push_image.sh backend", "anchore/scan-action@", "cosign sign"):
        found.append("release.yml: build must push, scan and sign, in this order")
    if not _in_order(release, "cosign verify", "start_release.sh"):
        found.append("release-cloud.yml: release must verify before it starts")
    scans = [
        step for step in pipeline.job("release.yml", "build").steps if "anchore/" in step.get("uses", "")
    ]
    found += [
        f"a scan does not fail: {step['with']}"
        for step in scans
        if step["with"].get("fail-build") is not True
    ]
    return found


def _in_order(steps: list[str], *parts: str) -> bool:
    places = [next((n for n, step in enumerate(steps) if part in step), -1) for part in parts]
    return -1 not in places and places == sorted(places)


def the_page_comes_last(pipeline: Pipeline) -> list[str]:
    """`vercel promote` in one job only, after the backend of every cloud; until then it has no domain."""
    found = [
        f"{place} promotes the page"
        for place, step in pipeline.steps()
        if "vercel promote" in step.get("run", "") and place != "release.yml: promote-page"
    ]
    job = pipeline.job("release.yml", "promote-page")
    for cloud in PRODUCTION:
        wanted = f"(needs.{cloud}.result == 'success' || needs.{cloud}.result == 'skipped')"
        if cloud not in job.needs or wanted not in job.condition:
            found.append(f"{job} does not wait for {cloud}")
    deploy = str(pipeline.job("page.yml", "deploy").body)
    if "options=(--prod --skip-domain)" not in deploy:
        found.append("page.yml: deploy gives the page a domain before it is promoted")
    return found


def staging_is_tried(pipeline: Pipeline) -> list[str]:
    """A smoke test everywhere, and a load with limits in staging, before the next environment."""
    found: list[str] = []
    for name in ("staging-gcp", "staging-aws"):
        job = pipeline.job("release.yml", name)
        if job.body["with"].get("load") is not True:
            found.append(f"{job} is not put under load")
        if not {"check", "build"} <= job.needs:
            found.append(f"{job} does not wait for the checks")
    load = pipeline.job("release-cloud.yml", "load")
    if "--most-errors" not in str(load.body) or "smoke" not in load.needs:
        found.append(f"{load} has no limits, or comes before the smoke test")
    if "scripts/smoke.py" not in str(pipeline.job("release-cloud.yml", "smoke").body):
        found.append("release-cloud.yml: smoke tries nothing")
    return found


def what_was_begun_is_ended(pipeline: Pipeline) -> list[str]:
    """A release that failed or was cancelled is resumed, whatever else happens; a bad one is taken back."""
    found: list[str] = []
    for name, word, results in (
        ("resume", "resume", ("needs.release.result == 'failure'", "needs.release.result == 'cancelled'")),
        ("rollback", "rollback", ("needs.smoke.result == 'failure'", "needs.load.result == 'failure'")),
    ):
        job = pipeline.job("release-cloud.yml", name)
        if not job.condition.startswith("always() &&") or not all(
            each in job.condition for each in results
        ):
            found.append(f"{job} does not run whenever it must")
        if f"end_release.sh {word}" not in str(job.body) or "release" not in job.needs:
            found.append(f"{job} ends nothing")
        if job.environment != pipeline.job("release-cloud.yml", "release").environment:
            found.append(f"{job} acts in another environment than the release")
    return found


ALL = (
    production_is_approved,
    applies_write_real_values,
    images_are_named_by_digest,
    images_are_verified,
    the_page_comes_last,
    staging_is_tried,
    what_was_begun_is_ended,
)
