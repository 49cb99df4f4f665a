output "bucket" {
  description = "Name of the bucket."
  value       = google_storage_bucket.this.name
}

output "archives" {
  description = "For each database what it says in spec.backup.archive, known when its members may write."
  value       = { for name, namespace in var.databases : name => { gcs = { bucket = google_storage_bucket.this.name, prefix = "${namespace}/${name}" } } }
  depends_on  = [google_storage_bucket_iam_member.this]
}
