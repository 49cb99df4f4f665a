variable "project_id" {
  description = "Project that holds the cluster."
  type        = string
}

variable "name" {
  description = "Name of the customer; the cluster is '<name>-stylobate'."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. A cluster's name has at most 40."
  }
}

variable "region" {
  description = "Region of the cluster; its control plane runs in three zones of it."
  type        = string
}

variable "zones" {
  description = "Zones of the nodes: at least three of the region, so that losing one leaves a quorum."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) >= 3
    error_message = "zones is ${jsonencode(var.zones)}: at least three different zones. With two, losing one can lose the majority; take a region with three."
  }

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^${var.region}-[a-z]$", zone))])
    error_message = "zones is ${jsonencode(var.zones)}: each is a zone of region '${var.region}', as '${var.region}-a'."
  }
}

variable "network" {
  description = "What the module network gives."
  type = object({
    network        = string
    subnetwork     = string
    pods_range     = string
    services_range = string
  })
}

variable "keys" {
  description = "Ids of keys: `secrets` for Secrets in etcd, `nodes` for boot disks."
  type = object({
    secrets = string
    nodes   = string
  })
}

variable "node_service_account" {
  description = "Address of the nodes' account. The project's default account may edit the whole project, and is refused."
  type        = string

  validation {
    condition     = !endswith(var.node_service_account, "-compute@developer.gserviceaccount.com") && var.node_service_account != "default"
    error_message = "node_service_account is '${var.node_service_account}', the project's default account: make one with the module identity (CIS GKE 5.2.1)."
  }
}

variable "node_pools" {
  description = "Pools by name. `tainted` pools take only pods that tolerate stylobate.dev/pool=<name>. Counts are for each zone."
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
  default = {
    system = { machine_type = "e2-standard-2" }
    db     = { machine_type = "n2-standard-4", tainted = true }
  }

  validation {
    condition     = anytrue([for pool in values(var.node_pools) : !pool.tainted]) && anytrue([for pool in values(var.node_pools) : pool.tainted])
    error_message = "node_pools is ${jsonencode({ for name, pool in var.node_pools : name => pool.tainted ? "tainted" : "untainted" })}: at least one pool without a taint, for the system and the operator, and one with, for databases."
  }

  validation {
    condition     = alltrue([for name in keys(var.node_pools) : can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", name))])
    error_message = "node_pools has ${jsonencode(keys(var.node_pools))}: each name is 2 to 40 lower-case letters, digits and '-', a letter first."
  }

  validation {
    condition     = alltrue([for pool in values(var.node_pools) : pool.min_per_zone >= 0 && pool.max_per_zone >= pool.min_per_zone && pool.max_per_zone >= 1 && (!pool.tainted || pool.min_per_zone >= 1)])
    error_message = "node_pools has ${jsonencode({ for name, pool in var.node_pools : name => [pool.min_per_zone, pool.max_per_zone] })} as [min_per_zone, max_per_zone]: 0 <= min <= max, max at least 1, and min at least 1 in a tainted pool, so that each zone can take a member at once."
  }

  validation {
    condition     = alltrue([for pool in values(var.node_pools) : pool.boot_disk_gb >= 20])
    error_message = "node_pools has boot_disk_gb ${jsonencode({ for name, pool in var.node_pools : name => pool.boot_disk_gb })}: at least 20 GiB, for images and logs."
  }
}

variable "release_channel" {
  description = "How soon Kubernetes is upgraded: REGULAR, STABLE or EXTENDED. RAPID has no support promise and is refused."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "release_channel is '${var.release_channel}': REGULAR, STABLE or EXTENDED."
  }
}

variable "maintenance" {
  description = "When Google may upgrade: a window by RFC 5545 in UTC, at least 48 hours in 32 days; and exclusions by name."
  type = object({
    start_time = optional(string, "2026-01-03T01:00:00Z")
    end_time   = optional(string, "2026-01-03T07:00:00Z")
    recurrence = optional(string, "FREQ=WEEKLY;BYDAY=SA,SU")
    exclusions = optional(map(object({
      start_time = string
      end_time   = string
      scope      = optional(string, "NO_MINOR_UPGRADES")
    })), {})
  })
  default = {}

  validation {
    condition     = can(regex("^FREQ=(DAILY|WEEKLY;BYDAY=((MO|TU|WE|TH|FR|SA|SU),?)+)$", var.maintenance.recurrence))
    error_message = "maintenance.recurrence is '${var.maintenance.recurrence}': 'FREQ=DAILY' or 'FREQ=WEEKLY;BYDAY=SA,SU'."
  }

  validation {
    condition     = try(timecmp(var.maintenance.end_time, timeadd(var.maintenance.start_time, "4h")) >= 0, false)
    error_message = "maintenance runs from '${var.maintenance.start_time}' to '${var.maintenance.end_time}': two times by RFC 3339, as '2026-01-03T01:00:00Z', at least 4 hours apart. GKE takes no shorter window."
  }

  validation {
    condition     = length(var.maintenance.exclusions) <= 20 && alltrue([for exclusion in values(var.maintenance.exclusions) : contains(["NO_UPGRADES", "NO_MINOR_UPGRADES", "NO_MINOR_OR_NODE_UPGRADES"], exclusion.scope)])
    error_message = "maintenance.exclusions is ${jsonencode(var.maintenance.exclusions)}: at most 20, each with scope NO_UPGRADES, NO_MINOR_UPGRADES or NO_MINOR_OR_NODE_UPGRADES."
  }
}

variable "dns_endpoint_from_outside" {
  description = "Whether the control plane's DNS endpoint answers outside Google's network. IAM decides either way; false needs a way in, as a VPN."
  type        = bool
  default     = true
}

variable "security_group" {
  description = "Google group gke-security-groups@<domain> whose subgroups RBAC may name; none: accounts only."
  type        = string
  default     = null

  validation {
    condition     = var.security_group == null || can(regex("^gke-security-groups@[a-z0-9.-]+$", var.security_group))
    error_message = "security_group is '${coalesce(var.security_group, "-")}': GKE takes no other name than gke-security-groups@<your domain>."
  }
}

variable "binary_authorization" {
  description = "Whether the project's policy decides which images may run."
  type        = bool
  default     = true
}

variable "confidential_nodes" {
  description = "Whether memory of nodes is encrypted; takes machine types that can (n2d, c3d), and costs some percent."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy the cluster."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of the cluster and its nodes; GKE reports cost by them."
  type        = map(string)
  default     = {}
}

variable "object_backups" {
  description = "Daily backups of Kubernetes' objects, Secrets included: key of their location, cron in UTC, days kept and days for which nobody can delete. Null: none."
  type = object({
    key         = string
    location    = optional(string)
    schedule    = optional(string, "17 2 * * *")
    retain_days = optional(number, 35)
    lock_days   = optional(number, 7)
  })
  default = null

  validation {
    condition     = try(var.object_backups.lock_days >= 1 && var.object_backups.lock_days <= 90 && var.object_backups.retain_days >= var.object_backups.lock_days, true)
    error_message = "object_backups is ${jsonencode(var.object_backups)}: lock_days is 1 to 90, retain_days at least lock_days."
  }

  validation {
    condition     = var.object_backups == null ? true : can(regex("^projects/[^/]+/locations/${coalesce(var.object_backups.location, var.region)}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.object_backups.key))
    error_message = "object_backups is ${jsonencode(var.object_backups)}: key must be one of the location of the backups, 'projects/P/locations/<location>/keyRings/R/cryptoKeys/K'."
  }
}
