variable "project_id" {
  description = "Project of the accounts."
  type        = string
}

variable "name" {
  description = "Name of the customer; accounts are '<name>-<purpose>', of which Google takes 30 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. An account's id has at most 30."
  }
}

variable "operator" {
  description = "Where the operator's pods are: namespace and ServiceAccount of the chart stylobate."
  type = object({
    namespace       = optional(string, "stylobate-system")
    service_account = optional(string, "stylobate")
  })
  default = {}
}

variable "deployer" {
  description = "Address of the account that applies: it may give nodes their account. Null: who applies has that right already."
  type        = string
  default     = null
}

variable "workload_pool" {
  description = "Pool of identities of the project's pods, from the module gke: the first cluster of a project makes it, so bindings wait for it."
  type        = string
  default     = null
}

variable "image_repository" {
  description = "Repository of Artifact Registry that the nodes may read; none: images come from elsewhere."
  type = object({
    project    = string
    location   = string
    repository = string
  })
  default = null
}

variable "extra_accounts" {
  description = "More accounts by purpose: title, roles on the project, and pods as 'namespace/serviceaccount'."
  type = map(object({
    title = string
    roles = optional(list(string), [])
    pods  = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for purpose in keys(var.extra_accounts) : can(regex("^[a-z][a-z0-9-]{1,7}[a-z0-9]$", purpose)) && !contains(["nodes", "operator"], purpose)])
    error_message = "extra_accounts has ${jsonencode(keys(var.extra_accounts))}: each purpose is 3 to 9 lower-case letters, digits and '-', and not nodes or operator, which are there."
  }

  validation {
    condition     = alltrue(flatten([for account in values(var.extra_accounts) : [for role in account.roles : !contains(["roles/owner", "roles/editor", "roles/viewer"], role) && !can(regex("(?i)admin$", role))]]))
    error_message = "extra_accounts asks for ${jsonencode(flatten([for account in values(var.extra_accounts) : account.roles]))}: no basic role (owner, editor, viewer) and none that ends in 'admin'. Name the narrow role."
  }

  validation {
    condition     = alltrue(flatten([for account in values(var.extra_accounts) : [for pod in account.pods : can(regex("^[a-z0-9-]+/[a-z0-9-]+$", pod))]]))
    error_message = "extra_accounts binds ${jsonencode(flatten([for account in values(var.extra_accounts) : account.pods]))}: each is 'namespace/serviceaccount', without wildcards."
  }
}
