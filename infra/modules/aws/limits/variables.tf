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

variable "requests_per_minute" {
  description = "Requests that one address on the internet may send in a minute; then it is answered with 429."
  type        = number
  default     = 600

  validation {
    condition     = var.requests_per_minute >= 60
    error_message = "requests_per_minute is 60 or more."
  }
}
