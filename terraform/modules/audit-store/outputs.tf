output "buckets" {
  description = "Names of the buckets `evidence` and `logs`, known when writers may write."
  value       = { for purpose, bucket in google_storage_bucket.this : purpose => bucket.name }
  depends_on  = [google_storage_bucket_iam_member.this, google_storage_bucket_iam_member.sink]
}

output "retention" {
  description = "For how many days objects are kept, and whether that is final."
  value       = { days = var.retention_days, locked = var.lock }
}
