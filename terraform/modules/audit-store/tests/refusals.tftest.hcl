# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  location   = "europe-west3"
  kms_key    = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/audit"
}

run "a_lock_without_its_confirmation_is_refused" {
  command = plan

  variables {
    lock = true
  }

  expect_failures = [var.lock]
}

run "a_lock_confirmed_for_another_bucket_is_refused" {
  command = plan

  variables {
    lock         = true
    lock_confirm = "yes"
  }

  expect_failures = [var.lock]
}

run "a_lock_of_less_than_a_year_is_refused" {
  command = plan

  variables {
    lock           = true
    lock_confirm   = "shop-prod-1-shop-evidence"
    retention_days = 30
  }

  expect_failures = [var.lock]
}

run "no_retention_is_refused" {
  command = plan

  variables {
    retention_days = 0
  }

  expect_failures = [var.retention_days]
}

run "a_retention_beyond_ten_years_is_refused" {
  command = plan

  variables {
    retention_days = 36500
  }

  expect_failures = [var.retention_days]
}

run "a_person_who_writes_evidence_is_refused" {
  command = plan

  variables {
    writers = { me = "user:me@example.com" }
  }

  expect_failures = [var.writers]
}

run "public_evidence_is_refused" {
  command = plan

  variables {
    readers = { all = "allUsers" }
  }

  expect_failures = [var.readers]
}

run "a_key_by_a_short_name_is_refused" {
  command = plan

  variables {
    kms_key = "audit"
  }

  expect_failures = [var.kms_key]
}

run "a_name_that_breaks_bucket_names_is_refused" {
  command = plan

  variables {
    name = "Shop.Prod"
  }

  expect_failures = [var.name]
}
