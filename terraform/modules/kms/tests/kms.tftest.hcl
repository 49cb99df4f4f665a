# What the module promises: one key for each purpose, rotated, kept, used by nobody else.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  location   = "europe-west3"
  users      = { disks = { compute = "serviceAccount:service-1@compute-system.iam.gserviceaccount.com" } }
}

run "each_purpose_has_a_key_that_rotates_within_90_days" {
  command = plan

  assert {
    condition     = join(" ", keys(google_kms_crypto_key.this)) == "audit backup disks nodes secrets"
    error_message = "there must be one key for each purpose"
  }

  assert {
    condition     = alltrue([for key in google_kms_crypto_key.this : key.rotation_period == "7776000s"])
    error_message = "keys must rotate every 90 days"
  }

  assert {
    condition     = alltrue([for key in google_kms_crypto_key.this : key.destroy_scheduled_duration == "10368000s"])
    error_message = "a destruction must be undoable for 120 days"
  }

  assert {
    condition     = google_kms_key_ring.this.location == "europe-west3"
    error_message = "the key ring must be in the region of the data"
  }
}

run "only_those_named_may_use_a_key" {
  command = plan

  assert {
    condition     = join(" ", keys(google_kms_crypto_key_iam_member.user)) == "disks/compute" && google_kms_crypto_key_iam_member.user["disks/compute"].role == "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    error_message = "there must be one grant for each member named, to encrypt and decrypt only"
  }
}

run "keys_may_live_in_a_hardware_module" {
  command = plan

  variables {
    protection_level = "HSM"
  }

  assert {
    condition     = alltrue([for key in google_kms_crypto_key.this : key.version_template[0].protection_level == "HSM"])
    error_message = "protection_level must reach every key"
  }
}

run "a_customers_own_key_is_used_and_none_is_made_for_it" {
  command = plan

  variables {
    existing_keys = { disks = "projects/keys/locations/europe-west3/keyRings/r/cryptoKeys/k" }
  }

  assert {
    condition     = !contains(keys(google_kms_crypto_key.this), "disks") && google_kms_crypto_key_iam_member.user["disks/compute"].crypto_key_id == "projects/keys/locations/europe-west3/keyRings/r/cryptoKeys/k"
    error_message = "an existing key must take the place of a new one"
  }
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    name = "a-name-of-more-than-twenty"
  }

  expect_failures = [var.name]
}

run "a_rotation_longer_than_90_days_is_refused" {
  command = plan

  variables {
    rotation_days = 365
  }

  expect_failures = [var.rotation_days]
}

run "a_destruction_that_nobody_can_undo_is_refused" {
  command = plan

  variables {
    destroy_after_days = 1
  }

  expect_failures = [var.destroy_after_days]
}

run "an_unknown_protection_level_is_refused" {
  command = plan

  variables {
    protection_level = "EXTERNAL"
  }

  expect_failures = [var.protection_level]
}

run "a_key_for_nothing_is_refused" {
  command = plan

  variables {
    purposes = []
    users    = {}
  }

  expect_failures = [var.purposes]
}

run "a_public_key_is_refused" {
  command = plan

  variables {
    users = { disks = { all = "allUsers" } }
  }

  expect_failures = [var.users]
}

run "a_user_of_a_key_that_is_not_there_is_refused" {
  command = plan

  variables {
    users = { tapes = { x = "user:a@example.com" } }
  }

  expect_failures = [var.users]
}

run "an_existing_key_by_a_short_name_is_refused" {
  command = plan

  variables {
    existing_keys = { disks = "disks" }
  }

  expect_failures = [var.existing_keys]
}
