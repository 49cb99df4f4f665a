variable "customer" {
  description = "Name of the customer; the start of all names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.customer))
    error_message = "customer is '${var.customer}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last. Accounts, buckets and clusters are named after it."
  }
}

variable "project_id" {
  description = "The customer's project; it is there, with billing."
  type        = string
}

variable "region" {
  description = "Region of the bucket and its key."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is '${var.region}': a region is written as 'europe-west3'."
  }
}

variable "deployers" {
  description = "Who may apply: any name => group or pipeline, as 'group:platform@example.com'."
  type        = map(string)

  validation {
    condition     = length(var.deployers) > 0 && alltrue([for member in values(var.deployers) : can(regex("^(group|serviceAccount|principal|principalSet):.+", member))])
    error_message = "deployers is ${jsonencode(var.deployers)}: at least one group or pipeline, as 'group:platform@example.com'. A single person leaves one day."
  }
}
