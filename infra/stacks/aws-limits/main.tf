locals {
  labels = { project = "helium", environment = var.environment, managed-by = "terraform" }
}

module "limits" {
  source = "../../modules/aws/limits"

  name                = "helium-${var.environment}"
  environment         = var.environment
  labels              = local.labels
  requests_per_minute = var.requests_per_minute
}
