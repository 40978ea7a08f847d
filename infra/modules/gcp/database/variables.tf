variable "deletion_protection" {
  type        = bool
  description = "Whether neither Terraform nor anybody else can delete the database."

  validation {
    condition     = var.deletion_protection || var.environment != "prod"
    error_message = "The database of prod must be protected against deletion."
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

variable "high_availability" {
  type        = bool
  description = "Whether a second instance in another zone takes over when the first fails."
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

variable "network" {
  type        = object({ id = string, subnetwork = string })
  description = "The output `network` of the module network."

  validation {
    condition     = var.network.id != "" && var.network.subnetwork != ""
    error_message = "network must name a network and a subnetwork."
  }
}

variable "password" {
  type        = string
  description = "The password that is written with a new password_version. It is in no plan and in no state."
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_~-]{24,}$", var.password))
    error_message = "password must be 24 or more letters, digits, hyphens, tildes and underscores: they stand in a URL as they are."
  }
}

variable "password_version" {
  type        = number
  description = "Raise it by one to write a new password to the secret and to the database."
  default     = 1

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "password_version must be a whole number from 1."
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

variable "size" {
  type        = string
  description = "small (1 vCPU, 3.75 GiB, 210 connections), medium (2, 7.5 GiB, 410) or large (4, 15 GiB, 610)."
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "size must be small, medium or large."
  }
}
