variable "account" {
  description = "ARN of the role that the backup has; from the module identity."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::", var.account))
    error_message = "account is the ARN of a role."
  }
}

variable "cluster" {
  description = "The ECS cluster."
  type        = object({ arn = string, name = string })

  validation {
    condition     = length(var.cluster.name) > 0
    error_message = "cluster has a name."
  }
}

variable "cpu" {
  description = "Cores of the backup: 0.25, 0.5, 1 or 2. It uses one core."
  type        = number
  default     = 1

  validation {
    condition     = contains([0.25, 0.5, 1, 2], var.cpu)
    error_message = "cpu is 0.25, 0.5, 1 or 2."
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

variable "expire_days" {
  description = "Days after which a backup is deleted, whether there is a newer one or not."
  type        = number
  default     = 35

  validation {
    condition     = var.expire_days >= 2 && var.expire_days <= 3650
    error_message = "expire_days is 2 to 3650."
  }
}

variable "hour" {
  description = "The hour of the day, in UTC, at which the backup begins, ten minutes past."
  type        = number
  default     = 2

  validation {
    condition     = var.hour >= 0 && var.hour <= 23 && floor(var.hour) == var.hour
    error_message = "hour is 0 to 23."
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

variable "memory_mib" {
  description = "MiB of the backup, as Fargate pairs them with cores. It does not grow with the database."
  type        = number
  default     = 2048

  validation {
    condition     = var.memory_mib >= max(512, 2048 * var.cpu) && var.memory_mib <= min(8192 * var.cpu, 16384)
    error_message = "memory_mib is 2 to 8 GiB for each core, and at least 512."
  }

  validation {
    condition     = var.memory_mib == 512 || var.memory_mib % 1024 == 0
    error_message = "memory_mib is 512 or whole GiB."
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

variable "retain_days" {
  description = "Days for which nobody can delete or replace a backup. 0: it can be deleted at once. A bucket cannot change between 0 and another number."
  type        = number
  default     = 0

  validation {
    condition     = var.retain_days >= 0 && floor(var.retain_days) == var.retain_days
    error_message = "retain_days is a whole number from 0."
  }

  validation {
    condition     = var.retain_days >= 7 || var.environment != "prod"
    error_message = "In prod a backup is kept for 7 days at least, whoever wants it gone."
  }
}

variable "secrets" {
  description = "Where HELIUM_DATABASE_URL and HELIUM_BACKUP_KEY are: ARN of the secret in Secrets Manager by variable."
  type        = map(string)

  validation {
    condition     = toset(keys(var.secrets)) == toset(["HELIUM_BACKUP_KEY", "HELIUM_DATABASE_URL"])
    error_message = "secrets are HELIUM_DATABASE_URL and HELIUM_BACKUP_KEY: a backup in prod is encrypted, and needs no more."
  }

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:aws[a-z-]*:secretsmanager:[^@#]+$", arn))])
    error_message = "Each secret is the ARN of one in Secrets Manager, and never its value."
  }
}

variable "settings" {
  description = "Settings of Helium: where files are. None of them is a secret."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.settings) : contains(["HELIUM_BLOBS__ENDPOINT", "HELIUM_BLOBS__REGION", "HELIUM_BLOBS__URL"], name)])
    error_message = "settings are where files are (URL, REGION, ENDPOINT): a backup needs no more."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("://[^/@]*:[^/@]+@", value))])
    error_message = "A setting is a URL with a password: keep it in Secrets Manager."
  }
}
