variable "charts" {
  description = "Folder with the charts stylobate and postgres-cluster, or the address of a registry, as 'oci://europe-docker.pkg.dev/P/charts'."
  type        = string
}

variable "namespace" {
  description = "Namespace of the operator."
  type        = string
  default     = "stylobate-system"

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", var.namespace)) && !startswith(var.namespace, "kube-") && var.namespace != "default"
    error_message = "namespace is '${var.namespace}': a DNS label of its own, not default and not kube-*."
  }
}

variable "image" {
  description = "Where images are: `prefix` as 'europe-docker.pkg.dev/PROJECT/stylobate', and the operator's tag."
  type = object({
    prefix = string
    tag    = string
  })

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$", var.image.prefix))
    error_message = "image.prefix is '${var.image.prefix}': a registry and a path, as 'europe-docker.pkg.dev/PROJECT/stylobate', without 'https://'."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.image.tag)) && var.image.tag != "latest"
    error_message = "image.tag is '${var.image.tag}': a tag of a release, as '0.1.0'. 'latest' is another image tomorrow."
  }
}

variable "service_account" {
  description = "Address of the operator's account, which its pods become by Workload Identity."
  type        = string
}

variable "disk_key" {
  description = "Id of the key that encrypts volumes and, with them, their snapshots."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.disk_key))
    error_message = "disk_key is '${var.disk_key}': 'projects/P/locations/L/keyRings/R/cryptoKeys/K', as output by the module kms."
  }
}

variable "disk_types" {
  description = "StorageClasses to make: name => type of disk."
  type        = map(string)
  default     = { stylobate-ssd = "pd-ssd", stylobate-balanced = "pd-balanced" }

  validation {
    condition     = length(var.disk_types) > 0 && alltrue([for type in values(var.disk_types) : contains(["pd-ssd", "pd-balanced", "pd-extreme", "hyperdisk-balanced", "hyperdisk-extreme"], type)])
    error_message = "disk_types is ${jsonencode(var.disk_types)}: each is pd-ssd, pd-balanced, pd-extreme, hyperdisk-balanced or hyperdisk-extreme. A spinning disk (pd-standard) makes commits wait."
  }
}

variable "default_disk" {
  description = "Class of databases that name none; one of disk_types."
  type        = string
  default     = "stylobate-ssd"
}

variable "snapshot_location" {
  description = "Where snapshots are kept: a region, or a multi-region ('eu', 'us', 'asia'), which outlives a lost region."
  type        = string

  validation {
    condition     = can(regex("^(eu|us|asia|[a-z]+-[a-z]+[0-9]+)$", var.snapshot_location))
    error_message = "snapshot_location is '${var.snapshot_location}': a region as 'europe-west3', or eu, us, asia."
  }
}

variable "cluster_domain" {
  description = "DNS domain of the Kubernetes cluster."
  type        = string
  default     = "cluster.local"
}

variable "database_pools" {
  description = "Where members may run, from the module gke: pool => nodeSelector and tolerations."
  type = map(object({
    nodeSelector = map(string)
    tolerations  = list(map(string))
  }))
}

variable "default_pool" {
  description = "Pool of databases that name none; one of database_pools."
  type        = string
  default     = "db"

  validation {
    condition     = contains(keys(var.database_pools), var.default_pool)
    error_message = "default_pool is '${var.default_pool}': one of database_pools, ${join(", ", keys(var.database_pools))}."
  }
}

variable "databases" {
  description = "Databases by name: `values` is a YAML text of values of the chart postgres-cluster, `archive` is one of the module wal-archive, `exposure` one of the module exposure."
  type = map(object({
    values    = string
    namespace = optional(string)
    pool      = optional(string)
    archive   = optional(object({ gcs = object({ bucket = string, prefix = string }) }))
    exposure  = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", name))])
    error_message = "databases has ${jsonencode(keys(var.databases))}: each name is at most 40 lower-case letters, digits and '-', a letter first."
  }

  validation {
    condition     = alltrue([for database in values(var.databases) : can(yamldecode(database.values))])
    error_message = "databases ${jsonencode([for name, database in var.databases : name if !can(yamldecode(database.values))])} have values that are no YAML: correct the file in the customer's folder databases/."
  }

  # The place of an archive comes from the module wal-archive, all else of it from the database's own values.
  validation {
    condition = alltrue([for database in values(var.databases) :
      (database.archive != null || can(yamldecode(database.values).backup.archive.gcs)) != can(yamldecode(database.values).backup.archive.volume)
      || database.archive == null && !can(yamldecode(database.values).backup.archive)
    ])
    error_message = "databases ${jsonencode([for name, database in var.databases : name if can(yamldecode(database.values).backup.archive)])} have backup.archive in their values, and one of them has no place or two: set archive = true in customer.tfvars, or take backup.archive out of databases/NAME.yaml; a volume takes archive = false."
  }

  validation {
    condition     = alltrue([for database in values(var.databases) : database.pool == null || contains(keys(var.database_pools), coalesce(database.pool, "-"))])
    error_message = "databases has pools ${jsonencode({ for name, database in var.databases : name => database.pool })}: each is one of database_pools, ${join(", ", keys(var.database_pools))}."
  }
}

variable "extra_values" {
  description = "More values of the operator's chart, each a YAML text; a later one wins."
  type        = list(string)
  default     = []
}

variable "labels" {
  description = "Labels of disks and snapshots; lower-case letters, digits, '-' and '_'."
  type        = map(string)
  default     = {}
}
