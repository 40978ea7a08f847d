# GitHub's workflows act as an account without a key. The numbers of repository and owner are compared, not
# names: whoever takes over a freed name gets nothing.
locals {
  federations = var.repository == null ? {} : { github = var.repository }
  # Whom a deployment may make services run as.
  deployable = {
    for account in keys(var.accounts) : account => account
    if var.repository != null && account != try(var.repository.account, "")
  }
}

resource "google_iam_workload_identity_pool" "main" {
  for_each = local.federations

  workload_identity_pool_id = "${var.name}-github"
  display_name              = "GitHub, ${var.environment}"
  description               = "Workflows of one repository."
}

resource "google_iam_workload_identity_pool_provider" "main" {
  #checkov:skip=CKV_GCP_125: it looks for names in the subject; the numbers below are stricter, for names change hands
  for_each = local.federations

  workload_identity_pool_id          = google_iam_workload_identity_pool.main[each.key].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub"
  attribute_mapping = {
    "google.subject"          = "assertion.sub"
    "attribute.repository_id" = "assertion.repository_id"
    "attribute.environment"   = "assertion.environment"
  }
  attribute_condition = join(" && ", [
    "assertion.repository_id == '${each.value.id}'",
    "assertion.repository_owner_id == '${each.value.owner_id}'",
    "assertion.environment == '${var.environment}'",
  ])

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "federated" {
  for_each = local.federations

  service_account_id = google_service_account.main[each.value.account].name
  role               = "roles/iam.workloadIdentityUser"
  member = join("/", [
    "principalSet://iam.googleapis.com",
    google_iam_workload_identity_pool.main[each.key].name,
    "attribute.repository_id",
    each.value.id,
  ])
}

resource "google_service_account_iam_member" "deployable" {
  for_each = local.deployable

  service_account_id = google_service_account.main[each.value].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.main[var.repository.account].member
}
