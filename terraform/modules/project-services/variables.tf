variable "project_id" {
  description = "Project in which the APIs are switched on."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is '${var.project_id}': a project id has 6 to 30 lower-case letters, digits and '-', and starts with a letter."
  }
}

variable "services" {
  description = "APIs that the modules of this folder call."
  type        = set(string)
  default = [
    "artifactregistry.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containersecurity.googleapis.com",
    "dns.googleapis.com",
    "gkebackup.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ]

  validation {
    condition     = alltrue([for service in var.services : can(regex("^[a-z0-9.-]+\\.googleapis\\.com$", service))])
    error_message = "services has ${jsonencode([for service in var.services : service if !can(regex("^[a-z0-9.-]+\\.googleapis\\.com$", service))])}: each is the full name of an API, as 'compute.googleapis.com'."
  }
}

variable "extra_services" {
  description = "APIs of services that are added beside the platform, as a cache."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.extra_services : can(regex("^[a-z0-9.-]+\\.googleapis\\.com$", service))])
    error_message = "extra_services has ${jsonencode([for service in var.extra_services : service if !can(regex("^[a-z0-9.-]+\\.googleapis\\.com$", service))])}: each is the full name of an API, as 'redis.googleapis.com'."
  }
}
