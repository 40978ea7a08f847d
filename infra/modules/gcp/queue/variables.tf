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

variable "max_concurrent" {
  type        = number
  description = "Pushes that are under way at once, at most: what the worker's instances serve at once."

  validation {
    condition     = var.max_concurrent >= 1 && var.max_concurrent <= 5000
    error_message = "max_concurrent must be 1 to 5000, Cloud Tasks' limit."
  }
}

variable "max_dispatches_per_second" {
  type        = number
  description = "Pushes that begin in a second, at most."
  default     = 500

  validation {
    condition     = var.max_dispatches_per_second >= 1 && var.max_dispatches_per_second <= 500
    error_message = "max_dispatches_per_second must be 1 to 500, Cloud Tasks' limit."
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

variable "push_account" {
  type        = string
  description = "The service account in whose name pushes are signed."

  validation {
    condition     = can(regex("@.+", var.push_account))
    error_message = "push_account must be a service account's address."
  }
}

variable "push_url" {
  type        = string
  description = "The worker service's address. It is the audience of the pushes' tokens."

  validation {
    condition     = can(regex("^https://[^/]+$", var.push_url))
    error_message = "push_url must be https:// and a host, with no path."
  }
}

variable "region" {
  type        = string
  description = "The region, such as us-east4."

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region's name, such as us-east4."
  }
}

variable "senders" {
  type        = map(string)
  description = "The accounts that put messages into both queues, by any name."

  validation {
    condition     = length(var.senders) > 0
    error_message = "senders must name one account at least."
  }
}
