variable "project_id" {
  description = "Project of the zones."
  type        = string
}

variable "name" {
  description = "Name of the customer; zones are '<name>-...'."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last."
  }
}

variable "network" {
  description = "Id of the network that sees the zones."
  type        = string
}

variable "extra_networks" {
  description = "Ids of more networks that see the databases' names."
  type        = list(string)
  default     = []
}

variable "domain" {
  description = "Domain of the databases, as 'db.shop.internal', without a dot at its end."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain is '${var.domain}': labels of lower-case letters, digits and '-', with dots between them and none at the end, as 'db.shop.internal'."
  }

  validation {
    condition     = !anytrue([for taken in ["googleapis.com", "pkg.dev", "gcr.io", "gke.goog", "cluster.local", "google.internal"] : var.domain == taken || endswith(var.domain, ".${taken}")])
    error_message = "domain is '${var.domain}': it would hide names of Google or of Kubernetes. Take one of your own, as 'db.shop.internal'."
  }
}

variable "records" {
  description = "Records in the zone: name without the domain => type, ttl in seconds (30 to 86400), values."
  type = map(object({
    type    = optional(string, "A")
    ttl     = optional(number, 60)
    rrdatas = list(string)
  }))
  default = {}

  validation {
    condition = alltrue([for name, record in var.records :
      can(regex("^[a-z0-9_*]([a-z0-9._-]*[a-z0-9])?$", name)) && contains(["A", "AAAA", "CNAME", "TXT", "SRV"], record.type)
      && record.ttl >= 30 && record.ttl <= 86400 && length(record.rrdatas) > 0
    ])
    error_message = "records is ${jsonencode(var.records)}: names are relative and lower-case, type is A, AAAA, CNAME, TXT or SRV, ttl 30 to 86400, rrdatas not empty."
  }
}

variable "google_addresses" {
  description = "Private addresses of Google's APIs, from the module network; none: the network has its own way."
  type        = list(string)
  default     = null

  validation {
    condition     = var.google_addresses == null || try(length(var.google_addresses) > 0 && alltrue([for address in var.google_addresses : can(cidrhost("${address}/32", 0))]), false)
    error_message = "google_addresses is ${jsonencode(var.google_addresses)}: at least one IPv4 address, or null."
  }
}

variable "log_queries" {
  description = "Whether each query of a name is logged."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of the zones."
  type        = map(string)
  default     = {}
}
