# Whether the connections that processes open fit into the database, wherever that is. Nothing is made.
locals {
  # Supabase's own table (guide "Compute add-ons", read in November 2026): connections of PostgreSQL, and clients of the
  # pooler.
  sizes = {
    nano   = { connections = 60, clients = 200 }
    micro  = { connections = 60, clients = 200 }
    small  = { connections = 90, clients = 400 }
    medium = { connections = 120, clients = 600 }
    large  = { connections = 160, clients = 800 }
    "xl"   = { connections = 240, clients = 1000 }
    "2xl"  = { connections = 380, clients = 1500 }
    "4xl"  = { connections = 480, clients = 3000 }
    "8xl"  = { connections = 490, clients = 6000 }
    "12xl" = { connections = 500, clients = 9000 }
    "16xl" = { connections = 500, clients = 12000 }
  }
  size = local.sizes[var.supabase.size]

  # Each process has its pool, and one connection more that renews its lease. During a rollout old and new processes
  # are there together.
  needed = (var.pool_size + 1) * var.processes * 2

  permitted = {
    # PostgreSQL keeps three for its superuser; of Supabase's own services no more than twenty were seen.
    direct = local.size.connections - 3 - 20
    # In this mode a client has its connection for as long as it stays.
    session     = var.supabase.pool
    transaction = local.size.clients
  }
}
