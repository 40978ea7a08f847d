variable "accounts" {
  type        = map(object({ description = string, roles = set(string) }))
  description = "The accounts by name, with the roles that each has in the whole project. Rights on one resource belong to that resource's module."

  validation {
    condition     = alltrue(flatten([for account in var.accounts : [for role in account.roles : !contains(["roles/owner", "roles/editor", "roles/viewer"], role)]]))
    error_message = "No account may have a primitive role (owner, editor, viewer)."
  }

  validation {
    condition     = alltrue([for key in keys(var.accounts) : can(regex("^[a-z][a-z0-9-]{0,13}$", key))])
    error_message = "Names of accounts must be 1 to 14 lower-case letters, digits and hyphens."
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
  description = "What the accounts' names begin with."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.name))
    error_message = "name must be 2 to 15 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "repository" {
  type        = object({ id = string, owner_id = string, account = string })
  description = "The repository on GitHub whose workflows, in the GitHub environment that is called like this environment, may act as one of the accounts: the numbers of the repository and of its owner, which no renaming changes. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = var.repository == null || (can(regex("^[0-9]+$", var.repository.id)) && can(regex("^[0-9]+$", var.repository.owner_id)))
    error_message = "repository must have numbers as id and owner_id."
  }

  validation {
    condition     = var.repository == null || contains(keys(var.accounts), try(var.repository.account, ""))
    error_message = "repository.account must be one of the accounts."
  }
}
