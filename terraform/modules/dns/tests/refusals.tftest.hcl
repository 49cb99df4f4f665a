# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  network    = "projects/p/global/networks/n"
  domain     = "db.shop.internal"
}

run "a_domain_with_a_dot_at_its_end_is_refused" {
  command = plan

  variables {
    domain = "db.shop.internal."
  }

  expect_failures = [var.domain]
}

run "a_domain_of_googles_is_refused" {
  command = plan

  variables {
    domain = "db.googleapis.com"
  }

  expect_failures = [var.domain]
}

run "a_record_of_an_unknown_type_is_refused" {
  command = plan

  variables {
    records = { ledger = { type = "ALIAS", rrdatas = ["x"] } }
  }

  expect_failures = [var.records]
}

run "a_record_that_clients_keep_for_ever_is_refused" {
  command = plan

  variables {
    records = { ledger = { ttl = 604800, rrdatas = ["10.0.0.1"] } }
  }

  expect_failures = [var.records]
}

run "a_record_that_says_nothing_is_refused" {
  command = plan

  variables {
    records = { ledger = { rrdatas = [] } }
  }

  expect_failures = [var.records]
}

run "an_address_that_is_none_is_refused" {
  command = plan

  variables {
    google_addresses = ["private.googleapis.com"]
  }

  expect_failures = [var.google_addresses]
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    name = "s"
  }

  expect_failures = [var.name]
}
