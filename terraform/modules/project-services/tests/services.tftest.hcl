# What the module promises: the APIs are on, stay on after a destroy, and bad names are refused.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
}

run "all_apis_are_on_and_stay_on_after_a_destroy" {
  command = plan

  assert {
    condition     = alltrue([for name in ["compute.googleapis.com", "container.googleapis.com", "cloudkms.googleapis.com", "logging.googleapis.com", "storage.googleapis.com", "sts.googleapis.com"] : contains(keys(google_project_service.this), name)])
    error_message = "an API that the modules call is not switched on"
  }

  assert {
    condition     = alltrue([for service in google_project_service.this : service.disable_on_destroy == false])
    error_message = "a destroy would switch an API off that others may use"
  }
}

run "an_extra_service_is_added_without_an_edit" {
  command = plan

  variables {
    extra_services = ["redis.googleapis.com"]
  }

  assert {
    condition     = contains(keys(google_project_service.this), "redis.googleapis.com") && contains(keys(google_project_service.this), "compute.googleapis.com")
    error_message = "extra_services must add to services"
  }
}

run "a_bad_project_id_is_refused" {
  command = plan

  variables {
    project_id = "Shop_Prod"
  }

  expect_failures = [var.project_id]
}

run "a_short_api_name_is_refused" {
  command = plan

  variables {
    services = ["compute"]
  }

  expect_failures = [var.services]
}

run "a_short_extra_api_name_is_refused" {
  command = plan

  variables {
    extra_services = ["redis"]
  }

  expect_failures = [var.extra_services]
}
