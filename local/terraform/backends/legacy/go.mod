// Stands in for a part of Terraform that the module proxy does not carry; nothing of it is imported.
module github.com/hashicorp/terraform/internal/legacy
