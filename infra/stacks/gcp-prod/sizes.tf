# All in which staging and prod differ.
locals {
  environment         = "prod"
  cidr                = "10.64.0.0/20"
  high_availability   = true
  deletion_protection = true
  database_size       = "large"
  cache_size          = "small"
  expire_days         = 30
  requests_per_minute = 600
  backup              = { expire_days = 35, retain_days = 30 }
  budget_monthly      = 400

  # concurrency: requests at once (api), open streams (stream), runs (worker) of one instance.
  services = {
    api    = { cpu = 1, memory_mib = 1024, min = 1, max = 100, concurrency = 80 }
    stream = { cpu = 1, memory_mib = 1024, min = 1, max = 10, concurrency = 500 }
    worker = { cpu = 1, memory_mib = 2048, min = 1, max = 100, concurrency = 80 }
  }
}
