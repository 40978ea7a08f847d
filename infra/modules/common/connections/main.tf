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

  # Each process has its pool, and one connection more that renews its lease. During a rollout old and new processes
  # are there together.
  of_each = (var.pool_size + 1) * 2
  needed  = local.of_each * var.processes

  # PostgreSQL keeps three for its superuser; of Supabase's own services no more than twenty were seen.
  by_size = { for name, size in local.sizes : name => var.supabase.mode == "direct" ? size.connections - 3 - 20 : size.clients }
  # In the mode session a client has its connection for as long as it stays.
  of_supabase = var.supabase.mode == "session" ? var.supabase.pool : local.by_size[var.supabase.size]
  permitted   = var.database == "supabase" ? local.of_supabase : var.max_connections - 3

  # The smallest size that takes them all is the first, if there is one.
  enough = sort([for name, count in local.by_size : format("%05d %s", count, name) if count >= local.needed])
  raise = (
    var.database != "supabase" ? ", or raise database_size there" :
    var.supabase.mode == "session" ? ", or use the address of the transaction mode and say so in the variable supabase" :
    length(local.enough) == 0 ? "" :
    ", or give Supabase's project the size ${split(" ", local.enough[0])[1]} and say supabase = { size = \"${split(" ", local.enough[0])[1]}\" }"
  )
  place  = var.database == "supabase" ? "Supabase (${var.supabase.size}, ${var.supabase.mode} mode)" : "the database"
  advice = "The processes may open ${local.needed} connections, and ${local.place} has ${local.permitted}: lower the services' max in sizes.tf to ${floor(local.permitted / local.of_each)} processes in all${local.raise}."
}
