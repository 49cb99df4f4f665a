# What the module promises of evidence.
mock_provider "google" {
  override_during = plan

  mock_resource "google_logging_project_sink" {
    defaults = { writer_identity = "serviceAccount:sink@gcp-sa-logging.iam.gserviceaccount.com" }
  }
}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  location   = "europe-west3"
  kms_key    = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/audit"
  writers    = { operator = "serviceAccount:op@p.iam.gserviceaccount.com" }
  readers    = { auditors = "group:auditors@example.com" }
}

run "evidence_and_logs_can_not_be_altered_for_400_days" {
  command = plan

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.retention_policy[0].retention_period == "34560000"])
    error_message = "both buckets must keep objects for 400 days"
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.force_destroy == false])
    error_message = "a destroy would take the objects along"
  }
}

run "nothing_is_public_and_everything_is_encrypted_with_the_customers_key" {
  command = plan

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access])
    error_message = "a bucket could be made public"
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.encryption[0].default_kms_key_name == var.kms_key])
    error_message = "objects must be encrypted with the key given"
  }
}

run "no_lock_is_set_unasked" {
  command = plan

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.retention_policy[0].is_locked == false])
    error_message = "a lock that nobody asked for can't be undone"
  }
}

run "a_lock_with_its_confirmation_is_set" {
  command = plan

  variables {
    lock         = true
    lock_confirm = "shop-prod-1-shop-evidence"
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.retention_policy[0].is_locked])
    error_message = "the lock must reach both buckets"
  }
}

run "writers_add_evidence_and_can_not_remove_it" {
  command = plan

  assert {
    condition     = toset([for grant in google_storage_bucket_iam_member.this : grant.role]) == toset(["roles/storage.objectCreator", "roles/storage.objectViewer", "roles/storage.bucketViewer"])
    error_message = "roles beyond adding and reading are granted"
  }

  assert {
    condition     = alltrue([for key, grant in google_storage_bucket_iam_member.this : grant.bucket == "shop-prod-1-shop-evidence" if grant.member == "serviceAccount:op@p.iam.gserviceaccount.com"])
    error_message = "the operator must not reach Google's own logs, which it is checked against"
  }

  assert {
    condition     = length([for grant in google_storage_bucket_iam_member.this : grant if grant.member == "group:auditors@example.com" && grant.role == "roles/storage.objectCreator"]) == 0
    error_message = "auditors only read"
  }
}

run "every_read_and_write_of_the_project_is_logged_and_kept" {
  command = plan

  assert {
    condition     = google_project_iam_audit_config.all.service == "allServices" && toset([for config in google_project_iam_audit_config.all.audit_log_config : config.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    error_message = "reads of data are not logged"
  }

  assert {
    condition     = google_logging_project_sink.audit.destination == "storage.googleapis.com/shop-prod-1-shop-audit-logs" && strcontains(google_logging_project_sink.audit.filter, "logName:\"cloudaudit.googleapis.com\"") && google_logging_project_sink.audit.unique_writer_identity
    error_message = "audit logs must go to the bucket for logs, by an account of the sink's own"
  }

  assert {
    condition     = google_storage_bucket_iam_member.sink.member == "serviceAccount:sink@gcp-sa-logging.iam.gserviceaccount.com" && google_storage_bucket_iam_member.sink.role == "roles/storage.objectCreator"
    error_message = "the sink may add objects, and nothing more"
  }
}
