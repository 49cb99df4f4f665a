variable "project_id" {
  description = "Project of the bucket; its name begins with it, because names of buckets are unique in the world."
  type        = string
}

variable "project_number" {
  description = "The project's number: members are named by it in IAM."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number is '${var.project_number}': the number of project_id, digits alone. With its id in place of the number, IAM would name nobody."
  }
}

variable "name" {
  description = "Name of the customer; the bucket is '<project>-<name>-wal'."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. A bucket's name has at most 63."
  }
}

variable "location" {
  description = "Where WAL is kept: the databases' region, or eu, us, asia, which outlives a lost region and costs more."
  type        = string

  validation {
    condition     = can(regex("^(eu|us|asia|[a-z]+-[a-z]+[0-9]+)$", var.location))
    error_message = "location is '${var.location}': a region as 'europe-west3', or eu, us, asia."
  }
}

variable "kms_key" {
  description = "Id of the key that encrypts objects. It is where the bucket is; for eu in 'europe'."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is '${var.kms_key}': 'projects/P/locations/L/keyRings/R/cryptoKeys/K', as output by the module kms."
  }

  validation {
    condition     = try(split("/", var.kms_key)[3], "") == lookup(local.key_places, var.location, var.location)
    error_message = "kms_key is '${var.kms_key}' and location is '${var.location}': a key encrypts in its own place alone, so it has to be in '${lookup(local.key_places, var.location, var.location)}'."
  }
}

variable "undelete_days" {
  description = "Days for which WAL that was removed or overwritten can be had back, 7 to 90. It is paid for as long."
  type        = number
  default     = 14

  validation {
    condition     = var.undelete_days >= 7 && var.undelete_days <= 90 && floor(var.undelete_days) == var.undelete_days
    error_message = "undelete_days is ${var.undelete_days}: a whole number from 7 to 90. A week is the least in which somebody notices, 90 the most that Cloud Storage takes."
  }
}

variable "workload_pool" {
  description = "Pool of identities of the project's pods, from the module gke."
  type        = string

  validation {
    condition     = endswith(var.workload_pool, ".svc.id.goog")
    error_message = "workload_pool is '${var.workload_pool}': 'PROJECT.svc.id.goog', as output by the module gke."
  }
}

variable "databases" {
  description = "Databases that archive: name of the PostgresCluster => its namespace."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, namespace in var.databases : can(regex("^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", name)) && can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", namespace))])
    error_message = "databases is ${jsonencode(var.databases)}: each name is that of a PostgresCluster, at most 40 lower-case letters, digits and '-', a letter first; each value a namespace."
  }
}

variable "readers" {
  description = "Who is brought back from the WAL of another: 'namespace/name' of the new PostgresCluster => 'namespace/name' of those whose WAL it reads. An old one need not be there any more."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for who in flatten([keys(var.readers), values(var.readers)]) : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", who))])
    error_message = "readers is ${jsonencode(var.readers)}: each is 'namespace/name' of a PostgresCluster, without wildcards."
  }
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}
}
