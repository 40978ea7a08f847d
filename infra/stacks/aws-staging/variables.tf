variable "account_id" {
  description = "Number of the AWS account: nothing is done in another one by mistake."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is 12 digits."
  }
}

variable "alarm_mails" {
  description = "E-mail addresses that are told of alarms and of the budget."
  type        = set(string)

  validation {
    condition     = length(var.alarm_mails) > 0
    error_message = "alarm_mails is at least one address."
  }
}

variable "cache_password" {
  description = "Password of Valkey: 32 to 64 letters and digits. Give it in TF_VAR_cache_password."
  type        = string
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,64}$", var.cache_password))
    error_message = "cache_password is 32 to 64 letters and digits."
  }
}

variable "cors_origins" {
  description = "Addresses of the page, such as https://app.example.com: it may read files by signed links."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : startswith(origin, "https://")])
    error_message = "An origin begins with https://."
  }
}

variable "database" {
  description = "Where the database is: supabase (its URL is the secret `database-url`) or rds."
  type        = string
  default     = "supabase"

  validation {
    condition     = contains(["supabase", "rds"], var.database)
    error_message = "database is supabase or rds."
  }
}

variable "database_password" {
  description = "Password of the database on RDS: 32 to 64 letters and digits. Give it in TF_VAR_database_password."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.database_password == null || can(regex("^[A-Za-z0-9]{32,64}$", var.database_password))
    error_message = "database_password is 32 to 64 letters and digits."
  }
}

variable "domain" {
  description = "Domain under which api.DOMAIN and stream.DOMAIN are made."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain is a name such as example.com."
  }
}

variable "image" {
  description = "The image by digest, in the registry that this stack makes."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image ends with @sha256: and 64 hexadecimal digits."
  }
}

variable "lambda_worker" {
  description = "A function on Lambda in place of the service `worker`: it costs nothing while nothing is to be done. How many at once, at most, and what each has. Null: the service."
  type        = object({ max = number, memory_mib = optional(number, 1769), timeout_seconds = optional(number, 900) })
  default     = null
  nullable    = true

  validation {
    condition     = var.lambda_worker == null || try(var.lambda_worker.max, 0) >= 2
    error_message = "lambda_worker.max is 2 or more."
  }
}

variable "model_keys" {
  description = "Variables of models' keys, such as OPENAI_API_KEY. Each is a secret, called openai-api-key."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.model_keys : can(regex("^[A-Z]+(_[A-Z]+)*_API_KEY$", name))])
    error_message = "The variable of a key ends with _API_KEY."
  }
}

variable "page_target" {
  description = "The host that serves the page, such as the one that Vercel names; app.DOMAIN leads there. Null: no such name."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.page_target == null || can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.page_target))
    error_message = "page_target is the name of a host."
  }
}

variable "region" {
  description = "The region. Supabase's project is best in the same."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of a region, such as us-east-1."
  }
}

variable "repository" {
  description = "The repository on GitHub that may deploy: names and numbers of owner and repository. Null: none."
  type        = object({ owner = string, owner_id = string, name = string, id = string })
  default     = null
  nullable    = true

  validation {
    condition     = var.repository == null || can(regex("^[0-9]+$", var.repository.id))
    error_message = "repository.id is a number."
  }
}

variable "secret_values" {
  description = "Values of secrets to write, by name (`database-url`, `openai-api-key`). Give them in TF_VAR_secret_values."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
}

variable "secret_versions" {
  description = "For each secret that Terraform writes, a number that is raised to have its value written anew."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for number in values(var.secret_versions) : number >= 1])
    error_message = "Numbers begin with 1."
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

variable "web_acl_arn" {
  description = "ARN of a web ACL in us-east-1 that CloudFront asks first, such as that of the stack aws-limits; empty: none."
  type        = string
  default     = ""

  validation {
    condition     = var.web_acl_arn == "" || can(regex("^arn:aws[a-z-]*:wafv2:us-east-1:", var.web_acl_arn))
    error_message = "web_acl_arn is empty or the ARN of a web ACL in us-east-1."
  }
}

variable "zone_id" {
  description = "Id of the Route 53 zone of the domain."
  type        = string

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.zone_id))
    error_message = "zone_id is the id of a Route 53 zone."
  }
}
