variable "project_id" {
  description = "Project that holds the network."
  type        = string
}

variable "name" {
  description = "Name of the customer; the start of all names made here."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. Names of resources are made from it."
  }
}

variable "region" {
  description = "Region of the subnets."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is '${var.region}': a region is written as 'europe-west3', without the letter of a zone."
  }
}

variable "network" {
  description = "Either `create` with the ranges of a new VPC, or `existing` with the names of one that is there."
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
    error_message = "network has ${var.network.create == null ? "neither create nor existing" : "both create and existing"}: give one of them. `create` makes a VPC, `existing` uses yours."
  }

  validation {
    condition = var.network.create == null || alltrue([
      for key, cidr in coalesce(var.network.create, {}) :
      cidr == null || can(regex("^[0-9.]+/[0-9]+$", cidr)) && try(cidrhost(cidr, 0) == split("/", cidr)[0], false)
    ])
    error_message = "network.create is ${jsonencode(var.network.create)}: each range is the first address of an IPv4 block and its length, as '10.20.0.0/22'."
  }

  # Smallest sizes: 48 pods a node make GKE give each node a /25; a /21 is then 16 nodes. A PSC subnet needs one address
  # for each 63 connections of a consumer, and 4 are Google's.
  validation {
    condition = var.network.create == null || alltrue([
      for key, allowed in { nodes_cidr = [16, 26], pods_cidr = [9, 21], services_cidr = [16, 24], psc_cidr = [22, 28] } :
      try(
        var.network.create[key] == null || tonumber(split("/", var.network.create[key])[1]) >= allowed[0] && tonumber(split("/", var.network.create[key])[1]) <= allowed[1],
        true
      )
    ])
    error_message = "network.create is ${jsonencode(var.network.create)}: nodes_cidr is a /16 to /26, pods_cidr a /9 to /21 (16 nodes), services_cidr a /16 to /24, psc_cidr a /22 to /28. A range can't be made larger later without new nodes."
  }

  # Two ranges overlap when, cut to the shorter of both lengths, they begin with the same address.
  validation {
    condition = try(alltrue(flatten([
      for i, a in [for cidr in values(var.network.create) : cidr if cidr != null] : [
        for j, b in [for cidr in values(var.network.create) : cidr if cidr != null] : i >= j || (
          cidrhost("${split("/", a)[0]}/${min(split("/", a)[1], split("/", b)[1])}", 0) !=
          cidrhost("${split("/", b)[0]}/${min(split("/", a)[1], split("/", b)[1])}", 0)
        )
      ]
    ])), true)
    error_message = "network.create is ${jsonencode(var.network.create)}: two of these ranges overlap. Nodes, pods, services and PSC each need addresses of their own."
  }
}

variable "flow_logs" {
  description = "Flow logs of the nodes' subnet; `sampling` is the share of flows that is kept, over 0 to 1."
  type = object({
    enabled  = optional(bool, true)
    sampling = optional(number, 0.5)
  })
  default = {}

  validation {
    condition     = var.flow_logs.sampling > 0 && var.flow_logs.sampling <= 1
    error_message = "flow_logs.sampling is ${var.flow_logs.sampling}: more than 0, at most 1. To have none, set enabled to false."
  }
}

variable "nat" {
  description = "Way out to the internet, for TCP port 443 only and to `destinations` only."
  type = object({
    enabled      = optional(bool, false)
    destinations = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = !var.nat.enabled || length(var.nat.destinations) > 0
    error_message = "nat.enabled is true and nat.destinations is empty: name the ranges that may be reached, '0.0.0.0/0' for all."
  }

  validation {
    condition     = alltrue([for range in var.nat.destinations : can(cidrhost(range, 0))])
    error_message = "nat.destinations is ${jsonencode(var.nat.destinations)}: each is a range as '203.0.113.0/24'."
  }
}

variable "google_apis" {
  description = "Which private address Google's APIs have: `restricted` (those under VPC Service Controls) or `private` (all)."
  type        = string
  default     = "private"

  validation {
    condition     = contains(["restricted", "private"], var.google_apis)
    error_message = "google_apis is '${var.google_apis}': restricted or private."
  }
}

variable "extra_subnets" {
  description = "More subnets in the new VPC: name => range."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, cidr in var.extra_subnets : can(cidrhost(cidr, 0)) && can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", name))])
    error_message = "extra_subnets is ${jsonencode(var.extra_subnets)}: each name is a lower-case word, each value a range as '10.30.0.0/24'."
  }
}

variable "extra_firewall" {
  description = "More firewall rules in the new VPC, before the denials; a rule that lets all of the internet in is refused."
  type = map(object({
    direction = string
    action    = optional(string, "allow")
    priority  = optional(number, 1500)
    ranges    = list(string)
    protocol  = optional(string, "tcp")
    ports     = optional(list(string), [])
  }))
  default = {}

  validation {
    condition = alltrue([for rule in values(var.extra_firewall) :
      contains(["INGRESS", "EGRESS"], rule.direction) && contains(["allow", "deny"], rule.action)
      && rule.priority >= 0 && rule.priority < 65534 && length(rule.ranges) > 0 && alltrue([for range in rule.ranges : can(cidrhost(range, 0))])
    ])
    error_message = "extra_firewall is ${jsonencode(var.extra_firewall)}: direction is INGRESS or EGRESS, action allow or deny, priority 0 to 65533, ranges at least one as '10.0.0.0/8'."
  }

  validation {
    condition = alltrue([for rule in values(var.extra_firewall) :
      !(rule.direction == "INGRESS" && rule.action == "allow" && anytrue([for range in rule.ranges : endswith(range, "/0")]))
    ])
    error_message = "extra_firewall is ${jsonencode(var.extra_firewall)}: a rule lets 0.0.0.0/0 in. Name the ranges of those who may come; a public database is made with the module exposure."
  }
}
