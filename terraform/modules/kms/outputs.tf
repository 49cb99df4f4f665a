output "keys" {
  description = "Ids of keys by purpose, known when those who need them may use them."
  value       = local.keys
  depends_on  = [google_kms_crypto_key_iam_member.user]
}

output "key_ring" {
  description = "Id of the key ring."
  value       = google_kms_key_ring.this.id
}
