variable "account" {
  type        = string
  description = "The service account that the processes run as."

  validation {
    condition     = can(regex("@.+", var.account))
    error_message = "account must be a service account's address."
  }
}

variable "concurrency" {
  type        = number
  description = "Requests that one instance serves at once. Each open stream and each run under way is one."

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000
    error_message = "concurrency must be 1 to 1000, Cloud Run's limit."
  }
}

variable "cpu" {
  type        = number
  description = "vCPUs of one instance. A process uses one core."
  default     = 1

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu must be 1, 2, 4, 6 or 8: less than 1 serves one request at a time."
  }
}

variable "drain_seconds" {
  type        = number
  description = "Seconds that runs have to reach a step boundary when an instance ends. 4 more are needed, and Cloud Run gives 10 in all."
  default     = 4

  validation {
    condition     = var.drain_seconds >= 0 && var.drain_seconds + 4 < 10
    error_message = "drain_seconds must be under 6: Cloud Run kills an instance after 10 s, and Helium needs 4 s after the drain."
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

variable "files" {
  type        = map(object({ secret = string, file = string }))
  description = "Secrets that are files, by the folder in which each is mounted, such as certificates to trust."
  default     = {}

  validation {
    condition     = alltrue([for folder in keys(var.files) : startswith(folder, "/")])
    error_message = "files must be mounted in absolute folders."
  }
}

variable "image" {
  type        = string
  description = "The image, by digest: what was tested is what runs."

  validation {
    condition     = can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end with a digest, @sha256: and 64 hexadecimal digits."
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

variable "max_instances" {
  type        = number
  description = "Instances at most."

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && var.max_instances >= var.min_instances
    error_message = "max_instances must be 1 to 1000, and not under min_instances."
  }
}

variable "memory_mib" {
  type        = number
  description = "Memory of one instance, in MiB."
  default     = 1024

  validation {
    condition     = var.memory_mib >= 512 && var.memory_mib <= 32768
    error_message = "memory_mib must be 512 to 32768."
  }
}

variable "metrics" {
  type        = object({ image = string, port = optional(number, 9090) })
  description = "Google's sidecar that reads the process's metrics at this port and writes them to Managed Prometheus: its image, by digest. Null: none."
  default     = null
  nullable    = true

  validation {
    condition     = var.metrics == null || can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.metrics.image))
    error_message = "metrics.image must end with a digest, @sha256: and 64 hexadecimal digits."
  }
}

variable "min_instances" {
  type        = number
  description = "Instances that are kept when nothing is to do. 0: the first request waits for a start."

  validation {
    condition     = var.min_instances >= 0
    error_message = "min_instances must not be negative."
  }

  validation {
    condition     = var.environment != "prod" || var.role == "worker" || var.min_instances >= 1
    error_message = "In prod api and stream need an instance that is always there."
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

variable "network" {
  type        = object({ id = string, subnetwork = string })
  description = "The output `network` of the module network."

  validation {
    condition     = var.network.id != "" && var.network.subnetwork != ""
    error_message = "network must name a network and a subnetwork."
  }
}

variable "public" {
  type        = bool
  description = "Whether requests may come from the internet."

  validation {
    condition     = !(var.public && var.role == "worker")
    error_message = "A worker must not be public."
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

variable "role" {
  type        = string
  description = "What the processes do: api, stream or worker."

  validation {
    condition     = contains(["api", "stream", "worker"], var.role)
    error_message = "role must be api, stream or worker."
  }
}

variable "secrets" {
  type        = map(string)
  description = "Variables whose values are secrets: by variable, the id of the secret in Secret Manager. Helium reads them itself, and again when they change."
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "secrets must have names of environment variables."
  }
}

variable "settings" {
  type        = map(string)
  description = "Variables of Helium, such as HELIUM_LIMITS__RUNNING. No secrets."
  default     = {}

  validation {
    condition     = alltrue([for name, value in var.settings : startswith(name, "HELIUM_") || startswith(value, "secret:")])
    error_message = "settings must begin with HELIUM_, or refer to a secret that the process may name and not read."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("://[^/]*:[^/]*@", value))])
    error_message = "settings must hold no password: use secrets."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), keys(var.secrets))) == 0
    error_message = "A variable must be either a setting or a secret."
  }
}
