# Objects of Kubernetes every day: clusters' specs and, above all, Secrets, which hold the authorities and passwords that
# restored disks still ask for. Volumes are not in it: the operator's snapshots are consistent over a whole database.
resource "google_gke_backup_backup_plan" "objects" {
  count = var.object_backups == null ? 0 : 1

  project  = var.project_id
  name     = "${var.name}-objects"
  cluster  = google_container_cluster.this.id
  location = coalesce(var.object_backups.location, var.region)
  labels   = var.labels

  backup_config {
    all_namespaces      = true
    include_secrets     = true
    include_volume_data = false

    encryption_key {
      gcp_kms_encryption_key = var.object_backups.key
    }
  }

  backup_schedule {
    cron_schedule = var.object_backups.schedule
  }

  # Not even an owner of the project deletes a backup in its first days: what a thief of a login does first.
  retention_policy {
    backup_delete_lock_days = var.object_backups.lock_days
    backup_retain_days      = var.object_backups.retain_days
  }
}
