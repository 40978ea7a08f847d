locals {
  grants = merge([
    for account, given in var.accounts : {
      for role in given.roles : "${account} ${role}" => { account = account, role = role }
    }
  ]...)
}

data "google_project" "current" {}

resource "google_service_account" "main" {
  for_each = var.accounts

  account_id   = "${var.name}-${each.key}"
  display_name = "Helium ${each.key}, ${var.environment}"
  description  = each.value.description
}

resource "google_project_iam_member" "main" {
  for_each = local.grants

  project = trimprefix(data.google_project.current.id, "projects/")
  role    = each.value.role
  member  = google_service_account.main[each.value.account].member
}
