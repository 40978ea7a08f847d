terraform {
  required_version = ">= 1.11.0"

  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "5.14.0"
    }
    google = {
      source  = "hashicorp/google"
      version = "7.45.0"
    }
  }

  # The bucket is given to `terraform init`. Cloud Storage locks the state by itself.
  backend "gcs" {
    prefix = "helium"
  }
}

# The budget is an account's, not a project's: its API wants to know who asks.
provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true
}

# Its token is in CLOUDFLARE_API_TOKEN.
provider "cloudflare" {}
