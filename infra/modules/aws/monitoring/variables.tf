variable "backup" {
  description = "Name of the job that makes backups; its log group is called /helium/ and this."
  type        = string

  validation {
    condition     = length(var.backup) > 0
    error_message = "backup is not empty."
  }
}

variable "budget_monthly" {
  description = "US dollars that the account may cost in a month; mails are sent at 50, 90 and 100 %."
  type        = number

  validation {
    condition     = var.budget_monthly > 0
    error_message = "budget_monthly is more than nothing."
  }
}

variable "cache" {
  description = "Name of the Valkey replication group."
  type        = string

  validation {
    condition     = length(var.cache) > 0
    error_message = "cache is not empty."
  }
}

variable "cluster" {
  description = "Name of the ECS cluster."
  type        = string

  validation {
    condition     = length(var.cluster) > 0
    error_message = "cluster is not empty."
  }
}

variable "environment" {
  description = "Which installation this is: staging or prod."
  type        = string

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment is staging or prod."
  }
}

variable "labels" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "load_balancer" {
  description = "What the load balancer's figures call it (its ARN's suffix)."
  type        = string

  validation {
    condition     = length(var.load_balancer) > 0
    error_message = "load_balancer is not empty."
  }
}

variable "min_instances" {
  description = "Tasks of each service that must run, by role."
  type        = map(number)

  validation {
    condition     = alltrue([for number in values(var.min_instances) : number >= 1])
    error_message = "At least one task of each must run."
  }
}

variable "name" {
  description = "What the names of all resources begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is 3 to 20 characters: small letters, digits and hyphens."
  }
}

variable "notification_channels" {
  description = "E-mail addresses that are told. Each has to confirm once."
  type        = set(string)

  validation {
    condition     = length(var.notification_channels) > 0 && alltrue([for mail in var.notification_channels : can(regex("^[^@ ]+@[^@ ]+$", mail))])
    error_message = "At least one e-mail address: an alarm that nobody hears is none."
  }
}

variable "queue" {
  description = "Names of the queue and of its queue of the dead."
  type        = object({ name = string, dead_name = string })

  validation {
    condition     = var.queue.name != var.queue.dead_name
    error_message = "The queue and its queue of the dead are two."
  }
}

variable "services" {
  description = "The services' names by role: api, stream, and worker unless a function takes its place."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["api", "stream"], keys(var.services))) == 0 && length(setsubtract(keys(var.services), ["api", "stream", "worker"])) == 0
    error_message = "services are api, stream and worker; worker may be missing."
  }

  validation {
    condition     = toset(keys(var.services)) == toset(keys(var.min_instances))
    error_message = "services and min_instances are about the same roles."
  }
}

variable "slo" {
  description = "What is promised: the share of requests that do not fail, the share that is answered in time, that time in seconds, and the days over which both count."

  type = object({
    availability    = optional(number, 0.999)
    latency         = optional(number, 0.95)
    latency_seconds = optional(number, 0.2)
    days            = optional(number, 30)
  })

  default = {}

  validation {
    condition     = alltrue([for share in [var.slo.availability, var.slo.latency] : share > 0.5 && share < 1])
    error_message = "The shares are between 0.5 and 1."
  }

  validation {
    condition     = var.slo.latency_seconds > 0 && var.slo.days >= 1 && var.slo.days <= 30
    error_message = "latency_seconds is more than 0, days 1 to 30."
  }
}

variable "target_groups" {
  description = "What the load balancer's figures call the target groups of api and stream: the output `target_groups` of each service."
  type        = object({ api = list(string), stream = list(string) })

  validation {
    condition     = alltrue([for groups in values(var.target_groups) : length(groups) > 0]) && length(setintersection(var.target_groups.api, var.target_groups.stream)) == 0
    error_message = "api and stream have a target group each, at least."
  }
}
