// Stands in for a backend of Terraform that the module proxy does not carry.
module github.com/hashicorp/terraform/internal/backend/remote-state/oss

go 1.23
