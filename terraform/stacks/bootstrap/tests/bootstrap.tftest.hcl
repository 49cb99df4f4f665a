# What the first apply leaves.
mock_provider "google" {
  override_during = plan

  mock_resource "google_kms_crypto_key" {
    defaults = { id = "projects/p/locations/l/keyRings/r/cryptoKeys/state" }
  }

  mock_resource "google_service_account" {
    defaults = { name = "projects/p/serviceAccounts/x", email = "shop-deployer@shop-prod-1.iam.gserviceaccount.com", member = "serviceAccount:x" }
  }
}

variables {
  customer   = "shop"
  project_id = "shop-prod-1"
  region     = "europe-west3"
  deployers  = { platform = "group:platform@example.com" }
}

run "state_is_versioned_encrypted_and_never_public" {
  command = plan

  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced" && google_storage_bucket.state.uniform_bucket_level_access && google_storage_bucket.state.force_destroy == false
    error_message = "state must be versioned, private and safe from a destroy"
  }

  assert {
    condition     = google_storage_bucket.state.encryption[0].default_kms_key_name == google_kms_crypto_key.state.id && google_kms_crypto_key.state.rotation_period == "7776000s"
    error_message = "state must be encrypted with a key of its own, rotated every 90 days"
  }
}

run "the_deployer_is_no_owner_and_is_acted_as_by_groups" {
  command = plan

  assert {
    condition     = length(setintersection(toset(keys(google_project_iam_member.deployer)), toset(["roles/owner", "roles/editor", "roles/iam.securityAdmin", "roles/iam.serviceAccountTokenCreator"]))) == 0
    error_message = "the deployer must have narrow roles"
  }

  assert {
    condition     = google_service_account_iam_member.deployers["platform"].member == "group:platform@example.com" && google_service_account_iam_member.deployers["platform"].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "those named must act as the deployer, without a key"
  }

  assert {
    condition     = strcontains(output.backend, "shop-prod-1-shop-state") && strcontains(output.backend, "shop-deployer@")
    error_message = "the output must be the customer's backend.hcl"
  }
}

run "a_single_person_as_deployer_is_refused" {
  command = plan

  variables {
    deployers = { me = "user:me@example.com" }
  }

  expect_failures = [var.deployers]
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    customer = "The Shop"
  }

  expect_failures = [var.customer]
}

run "a_zone_in_place_of_a_region_is_refused" {
  command = plan

  variables {
    region = "europe-west3-a"
  }

  expect_failures = [var.region]
}
