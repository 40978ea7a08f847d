# All in which staging and prod differ.
locals {
  environment         = "prod"
  cidr                = "10.30.0.0/16"
  zones               = ["a", "b"]
  high_availability   = true
  deletion_protection = true
  database_size       = "medium"
  cache_size          = "small"
  expire_days         = 30
  backup              = { expire_days = 35, retain_days = 30 }
  log_retention_days  = 90
  budget_monthly      = 400

  # concurrency: requests in a minute (api), open streams (stream), runs (worker).
  services = {
    api    = { cpu = 0.5, memory_mib = 1024, min = 2, max = 20, concurrency = 1200, spot_percent = 0 }
    stream = { cpu = 0.5, memory_mib = 1024, min = 2, max = 10, concurrency = 500, spot_percent = 0 }
    worker = { cpu = 1, memory_mib = 2048, min = 2, max = 30, concurrency = 100, spot_percent = 50 }
  }
}
