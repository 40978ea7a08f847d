# All in which staging and prod differ.
locals {
  environment         = "staging"
  cidr                = "10.65.0.0/20"
  high_availability   = false
  deletion_protection = false
  database_size       = "small"
  cache_size          = "small"
  expire_days         = 7
  requests_per_minute = 600
  backup              = { expire_days = 8, retain_days = 0 }
  budget_monthly      = 120

  # concurrency: requests at once (api), open streams (stream), runs (worker) of one instance. With a minimum of 0
  # the first request waits for a start; the sweep, once a minute, keeps a worker that has just worked.
  services = {
    api    = { cpu = 1, memory_mib = 1024, min = 0, max = 4, concurrency = 80 }
    stream = { cpu = 1, memory_mib = 1024, min = 0, max = 2, concurrency = 500 }
    worker = { cpu = 1, memory_mib = 1024, min = 0, max = 4, concurrency = 80 }
  }
}
