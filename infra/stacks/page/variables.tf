variable "api_domain" {
  type        = string
  description = "The API's host: the output of that name of the stack."

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.api_domain))
    error_message = "api_domain must be a host's name."
  }
}

variable "folder" {
  type        = string
  description = "The built page."
  default     = "../../../frontend/out"

  validation {
    condition     = fileexists("${var.folder}/index.html") && fileexists("${var.folder}/404.html")
    error_message = "folder must hold the built page: `make page` builds it."
  }
}
