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

variable "name" {
  description = "What the names of all resources begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is 3 to 20 characters: small letters, digits and hyphens."
  }
}

variable "names" {
  description = "Secrets that exist, by name, with or without a value."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[a-z][a-z0-9-]{1,62}$", name))])
    error_message = "A secret's name has small letters, digits and hyphens."
  }
}

variable "values" {
  description = "Values to write, by name. They go to Secrets Manager and nowhere else: not into plans, not into state."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
}

variable "versions" {
  description = "For each secret that Terraform writes, a number that is raised to have its value written anew."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.versions), var.names)) == 0
    error_message = "Each key of versions is one of names."
  }
}
