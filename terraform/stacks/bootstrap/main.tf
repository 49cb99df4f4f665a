# Once for each customer, before everything else: where state is kept, and the account that applies. State names every
# address and account of the platform, so its bucket is held to the same rules as evidence.
provider "google" {
  project = var.project_id
  region  = var.region
}

module "services" {
  source = "../../modules/project-services"

  project_id = var.project_id
}

resource "google_kms_key_ring" "state" {
  project  = module.services.project_id
  name     = "${var.customer}-state"
  location = var.region
}

resource "google_kms_crypto_key" "state" {
  name            = "state"
  key_ring        = google_kms_key_ring.state.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true
  }
}

data "google_storage_project_service_account" "this" {
  project = module.services.project_id
}

resource "google_kms_crypto_key_iam_member" "state" {
  crypto_key_id = google_kms_crypto_key.state.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this.member
}

resource "google_storage_bucket" "state" {
  project  = module.services.project_id
  name     = "${var.project_id}-${var.customer}-state"
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  # The way back from a broken apply is the state before it.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 50
      with_state         = "ARCHIVED"
    }
  }

  encryption {
    default_kms_key_name = google_kms_crypto_key.state.id
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.state]
}
