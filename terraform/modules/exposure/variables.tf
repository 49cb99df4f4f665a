variable "project_id" {
  description = "Project of the addresses."
  type        = string
}

variable "name" {
  description = "Name of the customer; addresses are '<name>-<database>'."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last."
  }
}

variable "region" {
  description = "Region of the addresses."
  type        = string
}

variable "network" {
  description = "What the module network gives; `psc_subnetwork` and `psc_cidr` only for mode psc."
  type = object({
    subnetwork     = string
    psc_subnetwork = optional(string)
    psc_cidr       = optional(string)
  })
}

variable "databases" {
  description = <<-TEXT
    Doors by name of the PostgresCluster.
    mode `internal`: a load balancer in the network; source_ranges may connect, from other regions with global_access.
    mode `psc`: an endpoint in networks of the projects in consumers (project => most connections), without peering.
    mode `external`: a public address; source_ranges alone may connect.
  TEXT
  type = map(object({
    mode          = optional(string, "internal")
    source_ranges = optional(list(string), [])
    consumers     = optional(map(number), {})
    global_access = optional(bool, false)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", name))])
    error_message = "databases has ${jsonencode(keys(var.databases))}: each name is that of a PostgresCluster, at most 40 lower-case letters, digits and '-', a letter first."
  }

  validation {
    condition     = alltrue([for door in values(var.databases) : contains(["internal", "psc", "external"], door.mode)])
    error_message = "databases has modes ${jsonencode({ for name, door in var.databases : name => door.mode })}: internal, psc or external."
  }

  validation {
    condition     = alltrue([for door in values(var.databases) : door.mode == "psc" || length(door.source_ranges) > 0])
    error_message = "databases has source_ranges ${jsonencode({ for name, door in var.databases : name => door.source_ranges if door.mode != "psc" })}: a door needs the ranges of those who may come, as '203.0.113.0/24'. Without them anybody could knock."
  }

  validation {
    condition     = alltrue(flatten([for door in values(var.databases) : [for range in door.source_ranges : can(cidrhost(range, 0)) && can(regex("/([1-9]|[12][0-9]|3[0-2])$", range))]]))
    error_message = "databases has source_ranges ${jsonencode({ for name, door in var.databases : name => door.source_ranges })}: each is an IPv4 range with a length of 1 to 32; 0.0.0.0/0 is the whole internet and is refused."
  }

  validation {
    condition     = alltrue([for door in values(var.databases) : door.mode != "external" || alltrue([for range in door.source_ranges : try(tonumber(split("/", range)[1]) >= 16, false)])])
    error_message = "databases has external source_ranges ${jsonencode({ for name, door in var.databases : name => door.source_ranges if door.mode == "external" })}: a public door takes ranges of /16 or smaller. Larger ones are half the internet."
  }

  validation {
    condition     = alltrue([for door in values(var.databases) : (door.mode == "psc") == (length(door.consumers) > 0) && alltrue([for limit in values(door.consumers) : limit >= 1 && limit <= 1000])])
    error_message = "databases has consumers ${jsonencode({ for name, door in var.databases : name => door.consumers })}: mode psc needs at least one project with 1 to 1000 connections, other modes have none."
  }

  validation {
    condition     = alltrue([for door in values(var.databases) : door.mode != "psc" || (var.network.psc_subnetwork != null && var.network.psc_cidr != null)])
    error_message = "databases has mode psc, and network.psc_subnetwork or psc_cidr is null: give network.create.psc_cidr, as '10.20.4.0/26', so that there is a subnet for it."
  }
}

variable "labels" {
  description = "Labels of the addresses."
  type        = map(string)
  default     = {}
}
