variable "api_url" {
  type        = string
  description = "The api service's address."

  validation {
    condition     = can(regex("^https://[^/]+$", var.api_url))
    error_message = "api_url must be https:// and a host."
  }
}

variable "domain" {
  type        = string
  description = "The domain. The API is at api.DOMAIN, streams at stream.DOMAIN."

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.domain))
    error_message = "domain must be a domain's name."
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

variable "requests_per_minute" {
  type        = number
  description = "Requests that one address on the internet may send in a minute; then it waits a minute."
  default     = 600

  validation {
    condition     = var.requests_per_minute >= 60
    error_message = "requests_per_minute must be 60 or more."
  }
}

variable "stream_url" {
  type        = string
  description = "The stream service's address."

  validation {
    condition     = can(regex("^https://[^/]+$", var.stream_url))
    error_message = "stream_url must be https:// and a host."
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
