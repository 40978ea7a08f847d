variable "account" {
  description = "The function's role, by ARN: an account of the module identity that runs on lambda."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]+:role/[^/]+$", var.account))
    error_message = "account is the ARN of a role."
  }
}

variable "batch_size" {
  description = "Messages that one call of the function works on at once."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10
    error_message = "batch_size is 1 to 10: more would have to be gathered, which is waiting."
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
  description = "The image by digest, in ECR of the same region. It holds the package awslambdaric."
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
  description = "Calls of the function at once, at most. Each has 3 connections to the database."
  type        = number

  validation {
    condition     = var.max_instances >= 2 && var.max_instances <= 1000
    error_message = "max_instances is 2 to 1000."
  }
}

variable "memory_mib" {
  description = "MiB of one call; 1769 are one core."
  type        = number
  default     = 1769

  validation {
    condition     = var.memory_mib >= 512 && var.memory_mib <= 10240
    error_message = "memory_mib is 512 to 10240."
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
    subnets                 = list(string)
    tasks_security_group_id = string
  })

  validation {
    condition     = length(var.network.subnets) >= 2
    error_message = "network has subnets in two zones at least."
  }
}

variable "queue" {
  description = "The queue: its ARN, and the visibility time-out that it was made with."
  type        = object({ arn = string, visibility_seconds = number })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sqs:", var.queue.arn))
    error_message = "queue.arn is the ARN of a queue."
  }
}

variable "secrets" {
  description = "Variables whose values are kept in Secrets Manager: ARN by variable."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^(HELIUM_DATABASE_URL|HELIUM_REDIS_URL|HELIUM_BACKUP_KEY|HELIUM_ERRORS__DSN|[A-Z]+(_[A-Z]+)*_API_KEY)$", name))])
    error_message = "Helium follows references for HELIUM_DATABASE_URL, HELIUM_REDIS_URL and the keys of models only."
  }

  validation {
    condition     = contains(keys(var.secrets), "HELIUM_DATABASE_URL")
    error_message = "The function needs HELIUM_DATABASE_URL."
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
      "HELIUM_DATABASE_URL", "HELIUM_REDIS_URL", "HELIUM_HOME", "HELIUM_QUEUE__CONCURRENCY",
      "HELIUM_WORKER__STEP_TIMEOUT_SECONDS",
    ]))) == 0
    error_message = "Secrets belong into secrets; home, concurrency and the time of a step are set by this module."
  }
}

variable "timeout_seconds" {
  description = "Seconds that one call may take. A step may take less than half of it."
  type        = number
  default     = 900

  validation {
    condition     = var.timeout_seconds >= 60 && var.timeout_seconds <= 900
    error_message = "timeout_seconds is 60 to 900."
  }
}
