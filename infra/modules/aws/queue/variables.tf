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

variable "max_concurrent" {
  description = "Not used on AWS: workers take what they have slots for."
  type        = number
  default     = 1000

  validation {
    condition     = var.max_concurrent >= 1
    error_message = "max_concurrent is at least 1."
  }
}

variable "max_dispatches_per_second" {
  description = "Not used on AWS: SQS has no such limit."
  type        = number
  default     = 500

  validation {
    condition     = var.max_dispatches_per_second >= 1
    error_message = "max_dispatches_per_second is at least 1."
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

variable "push_account" {
  description = "Not used on AWS: workers pull."
  type        = string
  default     = ""

  validation {
    condition     = var.push_account == ""
    error_message = "SQS does not push: leave push_account empty."
  }
}

variable "push_url" {
  description = "Not used on AWS: workers pull."
  type        = string
  default     = ""

  validation {
    condition     = var.push_url == ""
    error_message = "SQS does not push: leave push_url empty."
  }
}

variable "visibility_seconds" {
  description = "Seconds for which a message that was received stays hidden: 60 for workers, 6 times the function's time-out for Lambda."
  type        = number
  default     = 60

  validation {
    condition     = var.visibility_seconds >= 5 && var.visibility_seconds <= 43200
    error_message = "visibility_seconds is 5 to 43200."
  }
}
