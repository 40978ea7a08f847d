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

variable "names" {
  type        = set(string)
  description = "The secrets. Each is called by the module's name, a hyphen and its own."

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[a-z][a-z0-9-]{0,99}$", name))])
    error_message = "names must be of lower-case letters, digits and hyphens."
  }
}

variable "values" {
  type        = map(string)
  description = "Values by name. They are neither in the plan nor in the state."
  default     = {}
  ephemeral   = true
  sensitive   = true
}

variable "versions" {
  type        = map(number)
  description = "The secrets whose values Terraform writes, each with a number: raise it by one to write a new value. Others are written by other means."
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.versions) : contains(var.names, name)])
    error_message = "versions must be of secrets in names."
  }

  validation {
    condition     = alltrue([for number in values(var.versions) : number >= 1 && floor(number) == number])
    error_message = "versions must be whole numbers from 1."
  }
}
