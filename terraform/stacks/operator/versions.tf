# What this stack needs, and where its state is. The backend's values stand in the customer's backend.hcl.
terraform {
  required_version = ">= 1.11"

  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 3.1, < 4"
    }
  }

  backend "gcs" {}
}
