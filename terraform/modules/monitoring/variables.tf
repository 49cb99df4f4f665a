variable "project_id" {
  description = "Project whose figures and logs are watched."
  type        = string
}

variable "name" {
  description = "Name of the customer; it stands in every alert's title."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is '${var.name}': 3 to 20 lower-case letters, digits and '-', a letter first, no '-' last."
  }
}

variable "notification_channels" {
  description = "Full names of channels that are there, as 'projects/P/notificationChannels/N'."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "notification_channels is ${jsonencode(var.notification_channels)}: each is 'projects/P/notificationChannels/N'. A person's address goes into emails."
  }
}

variable "emails" {
  description = "Addresses to make channels for: name => address. One of emails and notification_channels is needed."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.emails) : can(regex("^[^@[:space:]]+@[a-zA-Z0-9-]+(\\.[a-zA-Z0-9-]+)+$", address))])
    error_message = "emails is ${jsonencode(var.emails)}: each value is an address, as 'oncall@example.com'."
  }

  validation {
    condition     = length(var.emails) + length(var.notification_channels) > 0
    error_message = "emails and notification_channels are both empty: name somebody. An alert that reaches nobody is worse than none, because it looks like one."
  }
}

variable "snapshot_deleters" {
  description = "Addresses of the accounts that delete snapshots without an alert: the operator's, and for provider Csi that of Google's agent for GKE, which deletes in the name of retention."
  type        = list(string)

  validation {
    condition     = length(var.snapshot_deleters) > 0 && alltrue([for account in var.snapshot_deleters : endswith(account, ".gserviceaccount.com")])
    error_message = "snapshot_deleters is ${jsonencode(var.snapshot_deleters)}: at least one address of a service account. A person who deletes a snapshot is always told of."
  }
}

variable "audit_buckets" {
  description = "Names of the buckets of evidence, from the module audit-store."
  type        = list(string)

  validation {
    condition     = length(var.audit_buckets) > 0
    error_message = "audit_buckets is empty: name the buckets of the module audit-store, or nobody hears of a change to them."
  }
}

variable "archive_buckets" {
  description = "Names of the buckets of archived WAL, from the module wal-archive; none: nothing of them is told."
  type        = list(string)
  default     = []
}

variable "public_doors" {
  description = "Public addresses that are asked from outside whether they answer: database => address. The askers' addresses have to be in the door's source ranges."
  type        = map(string)
  default     = {}
}

variable "extra_alerts" {
  description = "More alerts over figures: severity, duration (as '300s'), title, query in PromQL, runbook."
  type = map(object({
    severity = optional(string, "WARNING")
    duration = optional(string, "300s")
    title    = string
    query    = string
    runbook  = optional(string, "First look")
  }))
  default = {}

  validation {
    condition     = alltrue([for alert in values(var.extra_alerts) : contains(["CRITICAL", "ERROR", "WARNING"], alert.severity) && can(regex("^[1-9][0-9]*0s$", alert.duration))])
    error_message = "extra_alerts is ${jsonencode(var.extra_alerts)}: severity is CRITICAL, ERROR or WARNING, duration a multiple of ten seconds, as '300s'."
  }
}
