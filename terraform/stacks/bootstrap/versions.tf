# What this stack needs. Its state is a local file: it makes the bucket that all other state is kept in.
terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.30, < 8"
    }
  }
}
