// Package consul stands in for the remote state backend of this name, whose module the proxy does not carry:
// Terraform names it in its table of backends, and would not compile without it.
package consul

import "github.com/hashicorp/terraform/internal/backend"

// New is never called: tests run with -backend=false.
func New() backend.Backend { panic("this terraform was built for tests: it keeps no remote state") }
