# Where databases keep their WAL between two backups, so that they can be brought back to any moment: one bucket, a folder in
# it for each database, and for the members of each database rights on that folder alone (access.tf).
locals {
  # Where a key has to be for objects of a place: a region's own name, but for this one. Source: Google's page "Customer-managed
  # encryption keys" of Cloud Storage, July 2026.
  key_places = { eu = "europe" }
}

resource "google_storage_bucket" "this" {
  project  = var.project_id
  name     = "${var.project_id}-${var.name}-wal"
  location = var.location
  labels   = var.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  # WAL that is asked for is asked for at once; and a segment of some KiB costs more to move than it saves elsewhere.
  storage_class = "STANDARD"

  encryption {
    default_kms_key_name = var.kms_key
  }

  # No retention policy: the operator removes WAL that no backup needs, and pgBackRest writes its archive.info anew. No rule that
  # removes by age: archive.info is as old as the database, and without it all of the archive is lost. What is removed or
  # overwritten, also by a stolen login of a member, can be had back for some days; no version has to be kept for that.
  soft_delete_policy {
    retention_duration_seconds = var.undelete_days * 86400
  }

  versioning {
    enabled = false
  }

  lifecycle {
    prevent_destroy = true
  }
}
