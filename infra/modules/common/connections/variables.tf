variable "database" {
  type        = string
  description = "Where the database is: supabase, cloud_sql or rds."

  validation {
    condition     = contains(["supabase", "cloud_sql", "rds"], var.database)
    error_message = "database must be supabase, cloud_sql or rds."
  }
}

variable "max_connections" {
  type        = number
  description = "Connections of a database of our own: the output of that name of the module database. Null: Supabase."
  default     = null
  nullable    = true

  validation {
    condition     = (var.max_connections == null) == (var.database == "supabase")
    error_message = "Supabase has the connections of its size; the others say how many they have."
  }
}

variable "pool_size" {
  type        = number
  description = "Connections that one process keeps, at most: HELIUM_DATABASE__POOL_SIZE."

  validation {
    condition     = var.pool_size >= 1
    error_message = "pool_size must be 1 or more."
  }
}

variable "processes" {
  type        = number
  description = "Processes of all services together, at most: HELIUM_DATABASE__PROCESSES."

  validation {
    condition     = var.processes >= 1
    error_message = "processes must be 1 or more."
  }
}

variable "supabase" {
  type        = object({ mode = optional(string, "transaction"), pool = optional(number, 15), size = optional(string, "small") })
  description = "How Supabase is used: the mode of its address (transaction: port 6543, session: port 5432 of the pooler, direct), the pool size of its settings, and its compute size."
  default     = {}

  validation {
    condition     = contains(["direct", "session", "transaction"], var.supabase.mode)
    error_message = "mode must be direct, session or transaction."
  }

  validation {
    condition     = contains(["nano", "micro", "small", "medium", "large", "xl", "2xl", "4xl", "8xl", "12xl", "16xl"], var.supabase.size)
    error_message = "size must be nano, micro, small, medium, large, xl, 2xl, 4xl, 8xl, 12xl or 16xl."
  }

  validation {
    condition     = var.supabase.pool >= 1
    error_message = "pool must be 1 or more."
  }
}
