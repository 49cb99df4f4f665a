# What this module needs of Terraform and its providers. 8.0 of the provider changes list attributes that are read here.
terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.30, < 8"
    }
  }
}
