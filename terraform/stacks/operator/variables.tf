# The values of the first eight are outputs of the stack customer: cluster, keys, accounts.
variable "dns_endpoint" {
  description = "DNS endpoint of the cluster: output cluster.dns_endpoint."
  type        = string

  validation {
    condition     = can(regex("^gke-[a-z0-9-]+(\\.[a-z0-9-]+)*\\.gke\\.goog$", var.dns_endpoint))
    error_message = "dns_endpoint is '${var.dns_endpoint}': the output cluster.dns_endpoint of the stack customer, as 'gke-....gke.goog', without 'https://'."
  }
}

variable "deployer" {
  description = "Account to act as; null: as the person who applies."
  type        = string
  default     = null
}

variable "folder" {
  description = "The customer's folder under terraform/customers."
  type        = string
}

variable "charts" {
  description = "Where charts are; null: in this repository."
  type        = string
  default     = null
}

variable "image" {
  description = "Images: see terraform/modules/operator."
  type        = object({ prefix = string, tag = string })
}

variable "service_account" {
  description = "Address of the operator's account: output accounts.operator."
  type        = string
}

variable "disk_key" {
  description = "Key of volumes: output keys.disks."
  type        = string
}

variable "disk_types" {
  description = "StorageClasses: see terraform/modules/operator."
  type        = map(string)
  default     = { stylobate-ssd = "pd-ssd", stylobate-balanced = "pd-balanced" }
}

variable "default_disk" {
  description = "Class of databases that name none."
  type        = string
  default     = "stylobate-ssd"
}

variable "snapshot_location" {
  description = "Where snapshots are kept."
  type        = string
}

variable "database_pools" {
  description = "Where members may run: pool => nodeSelector and tolerations."
  type        = map(object({ nodeSelector = map(string), tolerations = list(map(string)) }))
}

variable "default_pool" {
  description = "Pool of databases that name none."
  type        = string
  default     = "db"
}

variable "databases" {
  description = "Databases by name; values are in the customer's folder, databases/NAME.yaml. archive: output archive.databases.NAME; without it a database stops to archive."
  type = map(object({
    namespace = optional(string)
    pool      = optional(string)
    archive   = optional(object({ gcs = object({ bucket = string, prefix = string }) }))
    exposure  = optional(string)
  }))
  default = {}
}
