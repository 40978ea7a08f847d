variable "account_id" {
  description = "Number of the AWS account: nothing is done in another one by mistake."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is 12 digits."
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

variable "requests_per_minute" {
  description = "Requests that one address on the internet may send in a minute; then it is answered with 429."
  type        = number
  default     = 600

  validation {
    condition     = var.requests_per_minute >= 60
    error_message = "requests_per_minute is 60 or more."
  }
}
