variable "alarm_mails" {
  type        = set(string)
  description = "E-mail addresses that are told of alerts and of the budget."

  validation {
    condition     = length(var.alarm_mails) > 0
    error_message = "alarm_mails must be one address at least."
  }
}

variable "billing_account" {
  type        = string
  description = "The billing account that the project's budget is of. Null: no budget."
  default     = null
  nullable    = true

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account must be of the form 012345-6789AB-CDEF01."
  }
}

variable "cors_origins" {
  type        = set(string)
  description = "Addresses of the page, such as https://app.example.com: it may read files by signed links."
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : startswith(origin, "https://")])
    error_message = "An origin must begin with https://."
  }
}

variable "database" {
  type        = string
  description = "Where the database is: supabase (its URL is the secret `database-url`) or cloud_sql."
  default     = "supabase"

  validation {
    condition     = contains(["supabase", "cloud_sql"], var.database)
    error_message = "database must be supabase or cloud_sql."
  }
}

variable "database_password" {
  type        = string
  description = "Password of the database on Cloud SQL: 24 or more letters and digits. Give it in TF_VAR_database_password."
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.database_password == null || can(regex("^[A-Za-z0-9]{24,}$", var.database_password))
    error_message = "database_password must be 24 or more letters and digits."
  }
}

variable "domain" {
  type        = string
  description = "Domain under which api.DOMAIN and stream.DOMAIN are made."

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.domain))
    error_message = "domain must be a name such as example.com."
  }
}

variable "image" {
  type        = string
  description = "The image by digest, in the registry that this stack makes. Services that are there keep theirs: the pipeline changes it."

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end with @sha256: and 64 hexadecimal digits."
  }
}

variable "metrics_image" {
  type        = string
  description = "Google's Managed Prometheus sidecar for Cloud Run, by digest. Null: no sidecar."
  default     = null
  nullable    = true

  validation {
    condition     = var.metrics_image == null || can(regex("@sha256:[0-9a-f]{64}$", var.metrics_image))
    error_message = "metrics_image must end with @sha256: and 64 hexadecimal digits."
  }
}

variable "model_keys" {
  type        = set(string)
  description = "Variables of models' keys, such as OPENAI_API_KEY. Each is a secret, called openai-api-key."
  default     = []

  validation {
    condition     = alltrue([for name in var.model_keys : can(regex("^[A-Z]+(_[A-Z]+)*_API_KEY$", name))])
    error_message = "The variable of a key must end with _API_KEY."
  }
}

variable "page_target" {
  type        = string
  description = "The host that serves the page, such as the one that Vercel names; app.DOMAIN leads there. Null: no such name."
  default     = null
  nullable    = true

  validation {
    condition     = var.page_target == null || can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.page_target))
    error_message = "page_target must be a host's name."
  }
}

variable "project" {
  type        = string
  description = "The project: one for each environment."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project's id."
  }
}

variable "region" {
  type        = string
  description = "The region. Best in the metropolis where Supabase's project is: us-east4 is beside its us-east-1."
  default     = "us-east4"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region's name, such as us-east4."
  }
}

variable "repository" {
  type        = object({ owner_id = string, id = string })
  description = "The numbers on GitHub of the repository that may deploy, and of its owner. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = var.repository == null || can(regex("^[0-9]+$", var.repository.id))
    error_message = "repository.id must be a number."
  }
}

variable "secret_values" {
  type        = map(string)
  description = "Values of secrets to write, by name (`database-url`, `openai-api-key`). Give them in TF_VAR_secret_values."
  default     = {}
  ephemeral   = true
  sensitive   = true
}

variable "secret_versions" {
  type        = map(number)
  description = "For each secret that Terraform writes, a number that is raised to have its value written anew."
  default     = {}

  validation {
    condition     = alltrue([for number in values(var.secret_versions) : number >= 1])
    error_message = "Numbers must begin with 1."
  }
}

variable "supabase" {
  type        = object({ mode = optional(string, "transaction"), pool = optional(number, 15), size = optional(string, "small") })
  description = "How Supabase is used: the mode of its address (transaction: port 6543, session: port 5432 of the pooler, direct), the pool size of its settings, and its compute size. See the module connections."
  default     = {}

  validation {
    condition     = contains(["direct", "session", "transaction"], var.supabase.mode)
    error_message = "mode must be direct, session or transaction."
  }
}

variable "zone" {
  type        = object({ id = string, account_id = string })
  description = "The zone at Cloudflare that holds the domain, and the account that owns it."

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.zone.id)) && can(regex("^[0-9a-f]{32}$", var.zone.account_id))
    error_message = "zone must have ids of 32 hexadecimal digits."
  }
}
