# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  region     = "europe-west3"
  network = {
    create = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" }
  }
}

run "both_a_new_and_an_existing_network_are_refused" {
  command = plan

  variables {
    network = {
      create   = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" }
      existing = { network = "n", subnetwork = "s", pods_range = "p", services_range = "v" }
    }
  }

  expect_failures = [var.network]
}

run "no_network_at_all_is_refused" {
  command = plan

  variables {
    network = {}
  }

  expect_failures = [var.network]
}

run "overlapping_ranges_are_refused" {
  command = plan

  variables {
    network = { create = { nodes_cidr = "10.24.8.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" } }
  }

  expect_failures = [var.network]
}

run "the_same_range_twice_is_refused" {
  command = plan

  variables {
    network = { create = { nodes_cidr = "10.20.0.0/20", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.0.0/20" } }
  }

  expect_failures = [var.network]
}

run "a_range_for_pods_that_is_too_small_is_refused" {
  command = plan

  variables {
    network = { create = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/24", services_cidr = "10.20.16.0/20" } }
  }

  expect_failures = [var.network]
}

run "a_range_that_is_none_is_refused" {
  command = plan

  variables {
    network = { create = { nodes_cidr = "10.20.0.0", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" } }
  }

  expect_failures = [var.network]
}

run "a_range_that_does_not_begin_at_its_first_address_is_refused" {
  command = plan

  variables {
    network = { create = { nodes_cidr = "10.20.0.7/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" } }
  }

  expect_failures = [var.network]
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    name = "9shop"
  }

  expect_failures = [var.name]
}

run "a_zone_in_place_of_a_region_is_refused" {
  command = plan

  variables {
    region = "europe-west3-a"
  }

  expect_failures = [var.region]
}

run "nat_to_nowhere_is_refused" {
  command = plan

  variables {
    nat = { enabled = true }
  }

  expect_failures = [var.nat]
}

run "nat_to_a_name_is_refused" {
  command = plan

  variables {
    nat = { enabled = true, destinations = ["example.com"] }
  }

  expect_failures = [var.nat]
}

run "a_sampling_over_one_is_refused" {
  command = plan

  variables {
    flow_logs = { sampling = 50 }
  }

  expect_failures = [var.flow_logs]
}

run "an_unknown_way_to_google_is_refused" {
  command = plan

  variables {
    google_apis = "public"
  }

  expect_failures = [var.google_apis]
}

run "a_rule_that_lets_the_internet_in_is_refused" {
  command = plan

  variables {
    extra_firewall = { all = { direction = "INGRESS", ranges = ["0.0.0.0/0"], ports = ["5432"] } }
  }

  expect_failures = [var.extra_firewall]
}

run "a_rule_in_no_direction_is_refused" {
  command = plan

  variables {
    extra_firewall = { all = { direction = "SIDEWAYS", ranges = ["10.0.0.0/8"] } }
  }

  expect_failures = [var.extra_firewall]
}

run "an_extra_subnet_without_a_range_is_refused" {
  command = plan

  variables {
    extra_subnets = { cache = "small" }
  }

  expect_failures = [var.extra_subnets]
}
