# All in which staging and prod differ.
locals {
  environment         = "staging"
  cidr                = "10.20.0.0/16"
  zones               = ["a", "b"]
  high_availability   = false
  deletion_protection = false
  database_size       = "small"
  cache_size          = "small"
  expire_days         = 7
  backup              = { expire_days = 8, retain_days = 0 }
  log_retention_days  = 14
  budget_monthly      = 200

  # concurrency: requests in a minute (api), open streams (stream), runs (worker).
  services = {
    api    = { cpu = 0.5, memory_mib = 1024, min = 1, max = 3, concurrency = 1200, spot_percent = 100 }
    stream = { cpu = 0.5, memory_mib = 1024, min = 1, max = 2, concurrency = 500, spot_percent = 100 }
    worker = { cpu = 0.5, memory_mib = 1024, min = 1, max = 4, concurrency = 50, spot_percent = 100 }
  }
}
