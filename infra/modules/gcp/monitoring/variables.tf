variable "backup" {
  type        = string
  description = "The name of the job that makes backups."

  validation {
    condition     = var.backup != ""
    error_message = "backup must name the job."
  }
}

variable "billing_account" {
  type        = string
  description = "The billing account of the budget. Null: no budget."
  default     = null
  nullable    = true

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account must be of the form 012345-6789AB-CDEF01."
  }
}

variable "budget_monthly" {
  type        = number
  description = "US dollars that a month may cost. Mails are sent at 50, 90 and 100 % of it, and when 100 % is to be expected."

  validation {
    condition     = var.budget_monthly >= 1
    error_message = "budget_monthly must be 1 or more."
  }
}

variable "cache" {
  type        = string
  description = "The cache's name."

  validation {
    condition     = var.cache != ""
    error_message = "cache must name the cache."
  }
}

variable "domain" {
  type        = string
  description = "The host at which the API is asked from outside whether it is up, such as api.example.com."

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.domain))
    error_message = "domain must be a host's name."
  }
}

variable "environment" {
  type        = string
  description = "The environment: staging or prod."

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment must be staging or prod."
  }
}

variable "labels" {
  type        = map(string)
  description = "Labels of all resources that can have some."
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be of lower-case letters, digits, hyphens and underscores, 63 at most."
  }
}

variable "name" {
  type        = string
  description = "What the resources are called, or begin with."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 42 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "notification_channels" {
  type        = set(string)
  description = "Ids of the channels that are told."

  validation {
    condition     = length(var.notification_channels) > 0 || var.environment != "prod"
    error_message = "prod must tell somebody."
  }
}

variable "queue" {
  type        = object({ name = string, dead_name = string })
  description = "The queue's names."

  validation {
    condition     = var.queue.name != var.queue.dead_name
    error_message = "The queue and its dead-letter queue must differ."
  }
}

variable "services" {
  type        = map(string)
  description = "The services' names by role: api, stream, worker."

  validation {
    condition     = toset(keys(var.services)) == toset(["api", "stream", "worker"])
    error_message = "services must name api, stream and worker."
  }
}

variable "slo" {
  type        = object({ availability = optional(number, 0.999), latency = optional(number, 0.95), latency_seconds = optional(number, 0.2), days = optional(number, 28) })
  description = "The objectives: the share of requests that do not fail, the share that is answered in time, that time in seconds, and the days over which both are counted."
  default     = {}

  validation {
    condition     = var.slo.availability > 0.5 && var.slo.availability < 1 && var.slo.latency > 0.5 && var.slo.latency < 1
    error_message = "The shares must be between 0.5 and 1."
  }

  validation {
    condition     = var.slo.days >= 1 && var.slo.days <= 30
    error_message = "days must be 1 to 30."
  }

  validation {
    condition     = contains([0.05, 0.1, 0.2, 0.5, 1, 2, 5], var.slo.latency_seconds)
    error_message = "latency_seconds must be a bound of Helium's histogram: 0.05, 0.1, 0.2, 0.5, 1, 2 or 5."
  }
}
