variable "account" {
  description = "ARN of the role that the processes have; from the module identity."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::", var.account))
    error_message = "account is the ARN of a role."
  }
}

variable "cluster" {
  description = "The ECS cluster, with Container Insights: their count of running tasks drives the scaling."
  type        = object({ arn = string, name = string })

  validation {
    condition     = length(var.cluster.name) > 0
    error_message = "cluster has a name."
  }
}

variable "concurrency" {
  description = "What one process carries: runs (worker), open streams (stream), requests in a minute (api)."
  type        = number

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 100000 && (var.role != "worker" || var.concurrency <= 5000)
    error_message = "concurrency is 1 to 100000, for a worker at most 5000."
  }
}

variable "cpu" {
  description = "Cores of one process: 0.25, 0.5, 1 or 2. A process uses one core."
  type        = number

  validation {
    condition     = contains([0.25, 0.5, 1, 2], var.cpu)
    error_message = "cpu is 0.25, 0.5, 1 or 2."
  }
}

variable "drain_seconds" {
  description = "Seconds that runs have to reach a step boundary when a process ends: HELIUM_WORKER__DRAIN_SECONDS."
  type        = number
  default     = 4

  validation {
    condition     = var.drain_seconds >= 0 && var.drain_seconds <= 110
    error_message = "drain_seconds is 0 to 110: Fargate kills after 120 s, and a process needs 7 s more than this."
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

variable "image" {
  description = "The image by digest, in ECR: what was tested is what runs."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9/_.-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is in ECR and ends with @sha256: and 64 hexadecimal digits."
  }
}

variable "labels" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "Days for which log lines are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "log_retention_days is one of 7, 14, 30, 60, 90, 180, 365."
  }
}

variable "max_instances" {
  description = "Tasks, at most."
  type        = number

  validation {
    condition     = var.max_instances >= var.min_instances && var.max_instances <= 200
    error_message = "max_instances is at least min_instances and at most 200."
  }
}

variable "memory_mib" {
  description = "MiB of one process, as Fargate pairs them with cores."
  type        = number

  validation {
    condition     = var.memory_mib >= max(512, 2048 * var.cpu) && var.memory_mib <= min(8192 * var.cpu, 16384)
    error_message = "memory_mib is 2 to 8 GiB for each core, and at least 512."
  }

  validation {
    condition     = var.memory_mib == 512 || var.memory_mib % 1024 == 0
    error_message = "memory_mib is 512 or whole GiB."
  }
}

variable "min_instances" {
  description = "Tasks, at least. What shall go down to none is a Lambda worker."
  type        = number

  validation {
    condition     = var.min_instances >= 1
    error_message = "min_instances is at least 1: the load for each task is not defined for none. See lambda_worker."
  }

  validation {
    condition     = var.min_instances >= 2 || var.environment != "prod"
    error_message = "In prod min_instances is at least 2, or the loss of a zone is an outage."
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

variable "network" {
  description = "The output `network` of the module of that name."

  type = object({
    id                      = string
    subnets                 = list(string)
    tasks_security_group_id = string

    load_balancer = object({
      arn_suffix   = string
      dns_name     = string
      listener_arn = string
    })
  })

  validation {
    condition     = length(var.network.subnets) >= 2
    error_message = "network has subnets in two zones at least."
  }
}

variable "public" {
  description = "Whether the load balancer sends requests to it. Never a worker, always api and stream."
  type        = bool

  validation {
    condition     = var.public == (var.role != "worker")
    error_message = "api and stream are public, a worker is not."
  }
}

variable "queue" {
  description = "Name of the queue that a worker is scaled by; empty for the others."
  type        = string
  default     = ""

  validation {
    condition     = (var.queue != "") == (var.role == "worker")
    error_message = "A worker has a queue, and no other role."
  }
}

variable "role" {
  description = "What the processes do: api, stream or worker."
  type        = string

  validation {
    condition     = contains(["api", "stream", "worker"], var.role)
    error_message = "role is api, stream or worker."
  }
}

variable "secrets" {
  description = "Variables whose values are kept in Secrets Manager: ARN by variable. The process reads them itself, and again when they change."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^(HELIUM_DATABASE_URL|HELIUM_REDIS_URL|HELIUM_BACKUP_KEY|HELIUM_ERRORS__DSN|[A-Z]+(_[A-Z]+)*_API_KEY)$", name))])
    error_message = "Helium follows references for HELIUM_DATABASE_URL, HELIUM_REDIS_URL and the keys of models only."
  }

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:aws[a-z-]*:secretsmanager:[^@#]+$", arn))])
    error_message = "Each secret is the ARN of one in Secrets Manager, and never its value."
  }
}

variable "settings" {
  description = "Settings of Helium, by variable. None of them is a secret."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^HELIUM_[A-Z]+(_+[A-Z]+)*$", name))])
    error_message = "The name of a setting begins with HELIUM_."
  }

  validation {
    condition = length(setintersection(keys(var.settings), concat(keys(var.secrets), [
      "HELIUM_DATABASE_URL", "HELIUM_REDIS_URL", "HELIUM_HOST", "HELIUM_PORT",
      "HELIUM_WORKER__PORT", "HELIUM_WORKER__DRAIN_SECONDS",
    ]))) == 0
    error_message = "Secrets belong into secrets; host, ports and drain are set by this module."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("://[^/@]*:[^/@]+@", value))])
    error_message = "A setting is a URL with a password: keep it in Secrets Manager."
  }
}

variable "spot_percent" {
  description = "Percent of the tasks above min_instances that may be taken away at two minutes' notice, for less money."
  type        = number
  default     = 0

  validation {
    condition     = var.spot_percent >= 0 && var.spot_percent <= 100
    error_message = "spot_percent is 0 to 100."
  }
}
