variable "project_id" {
  description = "Project of the buckets; names of buckets begin with it, because they are unique in the world."
  type        = string
}

variable "name" {
  description = "Name of the customer; buckets are '<project>-<name>-evidence' and '-audit-logs'."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. A bucket's name has at most 63."
  }
}

variable "location" {
  description = "Region of the buckets; that of the key."
  type        = string
}

variable "kms_key" {
  description = "Id of the key that encrypts objects."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is '${var.kms_key}': 'projects/P/locations/L/keyRings/R/cryptoKeys/K', as output by the module kms."
  }
}

variable "retention_days" {
  description = "Days for which no object can be altered or removed, 1 to 3650. SOC 2 looks back over a year; 400 leaves time to write."
  type        = number
  default     = 400

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days is ${var.retention_days}: a whole number from 1 to 3650 (10 years)."
  }
}

variable "lock" {
  description = "Makes the retention policy final: nobody, Google's support included, can shorten it or remove the bucket before its objects' time. Needs lock_confirm."
  type        = bool
  default     = false

  validation {
    condition     = !var.lock || var.lock_confirm == "${var.project_id}-${var.name}-evidence"
    error_message = "lock is true and lock_confirm is '${var.lock_confirm}': a lock can never be undone. To go on, set lock_confirm to the bucket's name, '${var.project_id}-${var.name}-evidence'."
  }

  validation {
    condition     = !var.lock || var.retention_days >= 365
    error_message = "lock is true and retention_days is ${var.retention_days}: a lock of less than a year does not cover an audit period. Set at least 365, or leave it unlocked."
  }
}

variable "lock_confirm" {
  description = "The evidence bucket's name, written out by a person who means it. Without effect when lock is false."
  type        = string
  default     = ""
}

variable "writers" {
  description = "Who adds evidence: any name => IAM member. They may add and read, never overwrite or delete."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.writers) : can(regex("^(serviceAccount|principal|principalSet):.+", member))])
    error_message = "writers is ${jsonencode(var.writers)}: only service accounts and workloads ('serviceAccount:...') write evidence. A person who could would be the first one an auditor asks about."
  }
}

variable "readers" {
  description = "Who reads evidence and logs, as auditors: any name => IAM member."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.readers) : !contains(["allUsers", "allAuthenticatedUsers"], member) && can(regex("^[a-zA-Z]+:.+", member))])
    error_message = "readers is ${jsonencode(var.readers)}: each is 'group:x@example.com', 'user:...' or 'serviceAccount:...', never allUsers."
  }
}

variable "extra_filter" {
  description = "A further condition on what the sink keeps, in the language of Cloud Logging."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of the buckets."
  type        = map(string)
  default     = {}
}
