# One key for each purpose, so that one can be revoked without the others. Keys are never destroyed by Terraform: without
# its key a disk, a snapshot or an evidence object can't be read by anybody again.
resource "google_kms_key_ring" "this" {
  project  = var.project_id
  name     = "${var.name}-stylobate"
  location = var.location
}

resource "google_kms_crypto_key" "this" {
  for_each = local.made

  name            = each.value
  key_ring        = google_kms_key_ring.this.id
  purpose         = "ENCRYPT_DECRYPT"
  rotation_period = "${var.rotation_days * 86400}s"
  labels          = var.labels

  # The longest time that Google grants to notice and undo a destruction.
  destroy_scheduled_duration = "${var.destroy_after_days * 86400}s"

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "user" {
  for_each = local.grants

  crypto_key_id = each.value.key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value.member
}

locals {
  made = toset([for purpose in var.purposes : purpose if !contains(keys(var.existing_keys), purpose)])
  keys = merge(var.existing_keys, { for purpose, key in google_kms_crypto_key.this : purpose => key.id })

  # Keyed by purpose and a name given by the caller: an account's address may be unknown until it is made.
  grants = merge([for purpose, members in var.users : {
    for who, member in members : "${purpose}/${who}" => { key = local.keys[purpose], member = member }
  }]...)
}
