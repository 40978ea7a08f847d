variable "accounts" {
  description = "Identities by name. `roles` are words of this module's table; `secrets` are the ARNs that it may read."

  type = map(object({
    description = string
    roles       = set(string)
    secrets     = optional(list(string), [])
    runs_on     = optional(string, "ecs")
  }))

  validation {
    condition = alltrue(flatten([for account in var.accounts : [
      for role in account.roles : contains(["backups.write", "files.read", "files.write", "protect", "queue.look", "queue.receive", "queue.send"], role)
    ]]))
    error_message = "A role is backups.write, files.read, files.write, protect, queue.look, queue.receive or queue.send."
  }

  validation {
    condition     = alltrue([for account in var.accounts : contains(["ecs", "lambda", "github"], account.runs_on)])
    error_message = "runs_on is ecs, lambda or github."
  }

  validation {
    condition     = alltrue([for name, account in var.accounts : can(regex("^[a-z][a-z0-9-]{1,30}$", name))])
    error_message = "An account's name has small letters, digits and hyphens."
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

variable "name" {
  description = "What the names of all resources begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is 3 to 20 characters: small letters, digits and hyphens."
  }
}

variable "repository" {
  description = "The repository on GitHub whose workflows, in the GitHub environment that is called like this environment, may act as one of the accounts and deploy. Names and numbers of the repository and its owner: a freed name that somebody takes over gets nothing. Null: none."

  type = object({
    owner    = string
    owner_id = string
    name     = string
    id       = string
    account  = string
    images   = string
  })

  default  = null
  nullable = true

  validation {
    condition     = var.repository == null || (can(regex("^[0-9]+$", var.repository.id)) && can(regex("^[0-9]+$", var.repository.owner_id)))
    error_message = "repository has numbers as id and owner_id."
  }

  validation {
    condition     = var.repository == null || try(var.accounts[var.repository.account].runs_on, "") == "github"
    error_message = "repository.account is one of the accounts, and runs on github."
  }
}

variable "resources" {
  description = "What the roles are about: the ARNs of the queue, its queue of the dead, the bucket of files and that of backups, and the name of the cluster."

  type = object({
    queue      = string
    dead_queue = string
    bucket     = string
    backups    = string
    cluster    = string
  })

  validation {
    condition     = alltrue([for name, value in var.resources : !strcontains(value, "*") && (startswith(value, "arn:") || name == "cluster")])
    error_message = "Each resource is one ARN, without a wildcard; the cluster is its name."
  }
}
