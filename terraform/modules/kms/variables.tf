variable "project_id" {
  description = "Project that holds the key ring."
  type        = string
}

variable "name" {
  description = "Name of the customer; the key ring is '<name>-stylobate'."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. Names of resources are made from it."
  }
}

variable "location" {
  description = "Region of the key ring: that of the data, because disks and buckets take keys of their own region only."
  type        = string
}

variable "purposes" {
  description = "What keys are for; one key each."
  type        = set(string)
  default     = ["audit", "backup", "disks", "nodes", "secrets"]

  validation {
    condition     = length(var.purposes) > 0 && alltrue([for purpose in var.purposes : can(regex("^[a-z][a-z0-9-]{1,30}$", purpose))])
    error_message = "purposes is ${jsonencode(var.purposes)}: at least one, each 2 to 31 lower-case letters, digits and '-'."
  }
}

variable "protection_level" {
  description = "Where keys live: SOFTWARE, or HSM (FIPS 140-2 level 3; costs more for each key and each use)."
  type        = string
  default     = "SOFTWARE"

  validation {
    condition     = contains(["SOFTWARE", "HSM"], var.protection_level)
    error_message = "protection_level is '${var.protection_level}': SOFTWARE or HSM. An external key is given with existing_keys."
  }
}

variable "rotation_days" {
  description = "Days after which a key gets a new version, 1 to 90 (CIS GCP 1.10)."
  type        = number
  default     = 90

  validation {
    condition     = var.rotation_days >= 1 && var.rotation_days <= 90 && floor(var.rotation_days) == var.rotation_days
    error_message = "rotation_days is ${var.rotation_days}: a whole number from 1 to 90 (CIS GCP 1.10)."
  }
}

variable "destroy_after_days" {
  description = "Days for which the destruction of a key version can be undone, 7 to 120."
  type        = number
  default     = 120

  validation {
    condition     = var.destroy_after_days >= 7 && var.destroy_after_days <= 120
    error_message = "destroy_after_days is ${var.destroy_after_days}: 7 to 120. A week is the least in which somebody notices."
  }
}

variable "existing_keys" {
  description = "Keys that the customer keeps elsewhere, by purpose: full resource ids. No key is made for these."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in values(var.existing_keys) : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", key))])
    error_message = "existing_keys is ${jsonencode(var.existing_keys)}: each value is 'projects/P/locations/L/keyRings/R/cryptoKeys/K'."
  }
}

variable "users" {
  description = "Who may encrypt and decrypt: purpose => { any name => IAM member }."
  type        = map(map(string))
  default     = {}

  validation {
    condition     = alltrue([for purpose in keys(var.users) : contains(var.purposes, purpose) || contains(keys(var.existing_keys), purpose)])
    error_message = "users names purposes ${jsonencode(keys(var.users))}: each must be one of purposes or of existing_keys."
  }

  validation {
    condition     = alltrue(flatten([for members in values(var.users) : [for member in values(members) : !contains(["allUsers", "allAuthenticatedUsers"], member)]]))
    error_message = "users holds 'allUsers' or 'allAuthenticatedUsers': a key is never public. Name service accounts or groups."
  }
}

variable "labels" {
  description = "Labels of all keys."
  type        = map(string)
  default     = {}
}
