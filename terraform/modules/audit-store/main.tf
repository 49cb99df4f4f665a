# Where evidence is kept so that nobody, the operator included, can alter or remove it before its time: two buckets with a
# retention policy, one for the operator's audit log, one for Google's own Cloud Audit Logs.
locals {
  buckets = {
    evidence = "${var.project_id}-${var.name}-evidence"
    logs     = "${var.project_id}-${var.name}-audit-logs"
  }

  # Readers of both; writers only of evidence. The sink's own account writes logs.
  grants = merge(
    { for who, member in var.writers : "evidence/write/${who}" => { bucket = "evidence", role = "roles/storage.objectCreator", member = member } },
    { for who, member in var.writers : "evidence/read/${who}" => { bucket = "evidence", role = "roles/storage.objectViewer", member = member } },
    # `stylobate audit verify` and the operator read whether the policy is locked.
    { for who, member in merge(var.writers, var.readers) : "evidence/look/${who}" => { bucket = "evidence", role = "roles/storage.bucketViewer", member = member } },
    merge([for bucket in keys(local.buckets) : {
      for who, member in var.readers : "${bucket}/read/${who}" => { bucket = bucket, role = "roles/storage.objectViewer", member = member }
    }]...),
  )

  # Objects that the sink itself writes are no news; without this each batch would make the next.
  sink_filter = join(" AND ", compact([
    "logName:\"cloudaudit.googleapis.com\"",
    "NOT (protoPayload.serviceName=\"storage.googleapis.com\" AND protoPayload.resourceName:\"buckets/${local.buckets.logs}/objects/cloudaudit.googleapis.com\")",
    var.extra_filter,
  ]))
}

resource "google_storage_bucket" "this" {
  for_each = local.buckets

  project  = var.project_id
  name     = each.value
  location = var.location
  labels   = var.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  encryption {
    default_kms_key_name = var.kms_key
  }

  retention_policy {
    is_locked        = var.lock
    retention_period = tostring(var.retention_days * 86400)
  }

  # A copy for a week after a delete that the retention policy allowed.
  soft_delete_policy {
    retention_duration_seconds = 7 * 86400
  }

  # Evidence is read once a year.
  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "COLDLINE"
    }
    condition {
      age = 90
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = local.grants

  bucket = google_storage_bucket.this[each.value.bucket].name
  role   = each.value.role
  member = each.value.member
}

# Who did what in the project, written by Google: also what Stylobate did, so that its own log can be held against it.
resource "google_logging_project_sink" "audit" {
  project                = var.project_id
  name                   = "${var.name}-audit"
  description            = "Cloud Audit Logs of ${var.name}, kept for ${var.retention_days} days."
  destination            = "storage.googleapis.com/${google_storage_bucket.this["logs"].name}"
  filter                 = local.sink_filter
  unique_writer_identity = true
}

resource "google_storage_bucket_iam_member" "sink" {
  bucket = google_storage_bucket.this["logs"].name
  role   = "roles/storage.objectCreator"
  member = google_logging_project_sink.audit.writer_identity
}

# Reads of data are logged too: of keys, buckets, snapshots, secrets. Without this Google logs changes alone.
resource "google_project_iam_audit_config" "all" {
  project = var.project_id
  service = "allServices"

  dynamic "audit_log_config" {
    for_each = toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])

    content {
      log_type = audit_log_config.value
    }
  }
}
