terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # The bucket's name and region are given to `terraform init`; the lock is a file beside the state.
  backend "s3" {
    key          = "helium/limits.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

# Where CloudFront looks for web ACLs.
provider "aws" {
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.labels
  }
}
