variable "project_id" {
  description = "The customer's project."
  type        = string
}

variable "name" {
  description = "Name of the customer."
  type        = string
}

variable "region" {
  description = "Region of the cache."
  type        = string
}

variable "network" {
  description = "Id of the network: output `network` of the module network."
  type        = string
}

variable "range" {
  description = "A /29 for the cache, which no subnet uses."
  type        = string

  validation {
    condition     = can(cidrhost(var.range, 0)) && endswith(var.range, "/29")
    error_message = "range is '${var.range}': a /29 of IPv4, as '10.20.6.0/29'."
  }
}

variable "memory_gb" {
  description = "Memory in GiB, 1 to 300."
  type        = number
  default     = 5

  validation {
    condition     = var.memory_gb >= 1 && var.memory_gb <= 300
    error_message = "memory_gb is ${var.memory_gb}: 1 to 300."
  }
}

variable "kms_key" {
  description = "Key of the cache's data: one of the outputs `keys` of the module kms."
  type        = string
}

variable "labels" {
  description = "Labels of the cache."
  type        = map(string)
  default     = {}
}
