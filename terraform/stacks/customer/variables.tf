# What a customer's customer.tfvars says. Rules on the parts stand in the modules, which name variable, value and rule.
variable "customer" {
  description = "Name of the customer; the start of all names, and the name of its folder."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.customer))
    error_message = "customer is '${var.customer}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. Accounts, buckets and clusters are named after it."
  }
}

variable "folder" {
  description = "Folder under terraform/customers, where it differs from the name."
  type        = string
  default     = null
}

variable "environment" {
  description = "prod or test. A test never locks evidence, and its cluster may be destroyed; buckets and keys stay until they are taken out of the state."
  type        = string

  validation {
    condition     = contains(["prod", "test"], var.environment)
    error_message = "environment is '${var.environment}': prod or test."
  }
}

variable "project_id" {
  description = "The customer's project."
  type        = string
}

variable "deployer" {
  description = "Account to act as, from the stack bootstrap; null: as the person who applies."
  type        = string
  default     = null
}

variable "region" {
  description = "Region of everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is '${var.region}': a region is written as 'europe-west3', without the letter of a zone."
  }
}

variable "zones" {
  description = "Three zones of the region, or more."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) >= 3 && alltrue([for zone in var.zones : can(regex("^${var.region}-[a-z]$", zone))])
    error_message = "zones is ${jsonencode(var.zones)}: at least three different zones of region '${var.region}'. With two, losing one can lose the majority."
  }
}

variable "network" {
  description = "A new VPC (`create`) or one that is there (`existing`): see terraform/modules/network."
  type = object({
    create = optional(object({
      nodes_cidr    = string
      pods_cidr     = string
      services_cidr = string
      psc_cidr      = optional(string)
    }))
    existing = optional(object({
      network        = string
      subnetwork     = string
      pods_range     = string
      services_range = string
      psc_subnetwork = optional(string)
    }))
  })

  validation {
    condition     = (var.network.create == null) != (var.network.existing == null)
    error_message = "network has ${var.network.create == null ? "neither create nor existing" : "both create and existing"}: give one of them."
  }
}

variable "flow_logs" {
  description = "Flow logs of the nodes' subnet: see terraform/modules/network."
  type        = object({ enabled = optional(bool, true), sampling = optional(number, 0.5) })
  default     = {}
}

variable "nat" {
  description = "Way out to the internet: see terraform/modules/network."
  type        = object({ enabled = optional(bool, false), destinations = optional(list(string), []) })
  default     = {}
}

variable "google_apis" {
  description = "restricted or private: see terraform/modules/network."
  type        = string
  default     = "private"
}

variable "kms" {
  description = "How keys are kept: see terraform/modules/kms."
  type = object({
    protection_level = optional(string, "SOFTWARE")
    rotation_days    = optional(number, 90)
    existing_keys    = optional(map(string), {})
  })
  default = {}
}

variable "cluster" {
  description = "The Kubernetes cluster: see terraform/modules/gke."
  type = object({
    release_channel           = optional(string, "REGULAR")
    dns_endpoint_from_outside = optional(bool, true)
    security_group            = optional(string)
    binary_authorization      = optional(bool, true)
    confidential_nodes        = optional(bool, false)
    deletion_protection       = optional(bool, true)
    maintenance = optional(object({
      start_time = optional(string, "2026-01-03T01:00:00Z")
      end_time   = optional(string, "2026-01-03T07:00:00Z")
      recurrence = optional(string, "FREQ=WEEKLY;BYDAY=SA,SU")
      exclusions = optional(map(object({ start_time = string, end_time = string, scope = optional(string, "NO_MINOR_UPGRADES") })), {})
    }), {})
  })
  default = {}

  validation {
    condition     = var.environment == "test" || var.cluster.deletion_protection
    error_message = "cluster.deletion_protection is false and environment is '${var.environment}': only a test may be destroyed."
  }
}

variable "node_pools" {
  description = "Pools of nodes by name: see terraform/modules/gke."
  type = map(object({
    machine_type   = string
    min_per_zone   = optional(number, 1)
    max_per_zone   = optional(number, 3)
    tainted        = optional(bool, false)
    zones          = optional(list(string))
    boot_disk_type = optional(string, "pd-balanced")
    boot_disk_gb   = optional(number, 50)
    labels         = optional(map(string), {})
  }))
}

variable "image_repository" {
  description = "Repository of Artifact Registry that nodes read: project, location, repository."
  type        = object({ project = string, location = string, repository = string })
  default     = null
}

variable "audit" {
  description = "Where evidence is kept: see terraform/modules/audit-store. A lock can't be undone, and is refused in a test."
  type = object({
    retention_days = optional(number, 400)
    lock           = optional(bool, false)
    lock_confirm   = optional(string, "")
    readers        = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = !var.audit.lock || var.environment == "prod"
    error_message = "audit.lock is true and environment is '${var.environment}': a locked bucket keeps its project from being deleted for ${var.audit.retention_days} days. Lock in prod only."
  }
}

variable "backup" {
  description = "Where snapshots are kept (region or eu, us, asia; the region when null), and backups of Kubernetes' objects with a key of that place."
  type = object({
    snapshot_location = optional(string)
    objects_location  = optional(string)
    objects_key       = optional(string)
  })
  default = {}

  validation {
    condition     = (var.backup.objects_location == null) == (var.backup.objects_key == null)
    error_message = "backup is ${jsonencode(var.backup)}: objects_location and objects_key are given together, or not at all. A key encrypts in its own region alone."
  }
}

variable "archive" {
  description = "Bucket for the WAL of databases that say `archive`: see terraform/modules/wal-archive. location: the region when null; elsewhere it takes a key of that place, kms.existing_keys.archive."
  type = object({
    enabled       = optional(bool, true)
    location      = optional(string)
    undelete_days = optional(number, 14)
    readers       = optional(map(list(string)), {})
  })
  default = {}

  validation {
    condition     = var.archive.enabled || !anytrue([for database in values(var.databases) : database.archive])
    error_message = "archive.enabled is false and databases ${jsonencode([for name, database in var.databases : name if database.archive])} have archive = true: there would be no bucket for their WAL. Take one of the two out."
  }

  validation {
    condition     = coalesce(var.archive.location, var.region) == var.region || contains(keys(var.kms.existing_keys), "archive")
    error_message = "archive.location is '${coalesce(var.archive.location, var.region)}', region is '${var.region}' and kms.existing_keys has no archive: a key encrypts in its own place alone. Name a key of that place (for eu in 'europe')."
  }
}

variable "domain" {
  description = "Private domain of the databases, as 'db.shop.internal'."
  type        = string
}

variable "operator" {
  description = "The operator: images, disks, and the charts' place (this repository's when null): see terraform/modules/operator."
  type = object({
    image        = object({ prefix = string, tag = string })
    charts       = optional(string)
    disk_types   = optional(map(string), { stylobate-ssd = "pd-ssd", stylobate-balanced = "pd-balanced" })
    default_disk = optional(string, "stylobate-ssd")
    default_pool = optional(string, "db")
  })
}

variable "databases" {
  description = "Databases by name: namespace, pool, `archive` (whether WAL is archived), and `door` for clients outside of Kubernetes (terraform/modules/exposure). Values are in the folder, databases/NAME.yaml."
  type = map(object({
    namespace = optional(string)
    pool      = optional(string)
    archive   = optional(bool, false)
    door = optional(object({
      mode          = optional(string, "internal")
      source_ranges = optional(list(string), [])
      consumers     = optional(map(number), {})
      global_access = optional(bool, false)
    }))
  }))
  default = {}

  validation {
    condition     = alltrue([for database in values(var.databases) : try(database.door.mode, "") != "external" || try(length(database.door.source_ranges), 0) > 0])
    error_message = "databases ${jsonencode([for name, database in var.databases : name if try(database.door.mode, "") == "external" && try(length(database.door.source_ranges), 0) == 0])} have door.mode external and no source_ranges: name the ranges of those who may come."
  }
}

variable "alerts" {
  description = "Who is told: addresses (emails) or channels that are there; and whether public doors are asked from outside."
  type = object({
    emails           = optional(map(string), {})
    channels         = optional(list(string), [])
    ask_public_doors = optional(bool, false)
  })
}

variable "labels" {
  description = "Labels of everything that takes labels; cost is reported by them."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels is ${jsonencode(var.labels)}: keys and values are lower-case letters, digits, '-' and '_', at most 63; a key begins with a letter."
  }
}
