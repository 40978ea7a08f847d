variable "account" {
  type        = string
  description = "The service account that the backup runs as."

  validation {
    condition     = can(regex("@.+", var.account))
    error_message = "account must be a service account's address."
  }
}

variable "caller" {
  type        = string
  description = "The service account that starts the backup. It gets the right to that, and needs no other."

  validation {
    condition     = can(regex("@.+", var.caller))
    error_message = "caller must be a service account's address."
  }
}

variable "cpu" {
  type        = number
  description = "vCPUs of the backup. It uses one core."
  default     = 1

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu must be 1, 2, 4, 6 or 8."
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

variable "expire_days" {
  type        = number
  description = "Days after which a backup is deleted, whether there is a newer one or not."
  default     = 35

  validation {
    condition     = var.expire_days >= 2 && floor(var.expire_days) == var.expire_days
    error_message = "expire_days must be a whole number from 2."
  }
}

variable "hour" {
  type        = number
  description = "The hour of the day, in UTC, at which the backup begins, ten minutes past."
  default     = 2

  validation {
    condition     = var.hour >= 0 && var.hour <= 23 && floor(var.hour) == var.hour
    error_message = "hour must be 0 to 23."
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

variable "memory_mib" {
  type        = number
  description = "Memory of the backup, in MiB. It does not grow with the database."
  default     = 1024

  validation {
    condition     = var.memory_mib >= 512 && var.memory_mib <= 32768
    error_message = "memory_mib must be 512 to 32768."
  }
}

variable "name" {
  type        = string
  description = "What the names of the resources begin with."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 22 lower-case letters, digits and hyphens, and begin with a letter."
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

variable "region" {
  type        = string
  description = "The region, such as us-east4."

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region's name, such as us-east4."
  }
}

variable "retain_days" {
  type        = number
  description = "Days for which nobody can delete or replace a backup. 0: it can be deleted at once."
  default     = 0

  validation {
    condition     = var.retain_days >= 0 && floor(var.retain_days) == var.retain_days
    error_message = "retain_days must be a whole number from 0."
  }

  validation {
    condition     = var.retain_days >= 7 || var.environment != "prod"
    error_message = "In prod a backup must be kept for 7 days at least, whoever wants it gone."
  }
}

variable "secrets" {
  type        = map(string)
  description = "Where HELIUM_DATABASE_URL and HELIUM_BACKUP_KEY are: by variable, the id of the secret in Secret Manager."

  validation {
    condition     = toset(keys(var.secrets)) == toset(["HELIUM_BACKUP_KEY", "HELIUM_DATABASE_URL"])
    error_message = "secrets must be HELIUM_DATABASE_URL and HELIUM_BACKUP_KEY: a backup in prod is encrypted, and needs no more."
  }
}

variable "settings" {
  type        = map(string)
  description = "Variables of Helium: where files are. No secrets."
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : contains(["HELIUM_BLOBS__ENDPOINT", "HELIUM_BLOBS__REGION", "HELIUM_BLOBS__URL"], name)])
    error_message = "settings must be where files are (URL, REGION, ENDPOINT): a backup needs no more."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("://[^/]*:[^/]*@", value))])
    error_message = "settings must hold no password: use secrets."
  }
}
