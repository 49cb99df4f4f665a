# What the module promises of a new VPC.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  region     = "europe-west3"
  network = {
    create = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20", psc_cidr = "10.20.4.0/26" }
  }
}

run "nothing_comes_in_and_nothing_goes_out_by_default" {
  command = plan

  assert {
    condition     = tolist(google_compute_firewall.this["deny-ingress"].deny)[0].protocol == "all" && google_compute_firewall.this["deny-ingress"].source_ranges == toset(["0.0.0.0/0"])
    error_message = "ingress must be denied by default"
  }

  assert {
    condition     = tolist(google_compute_firewall.this["deny-egress"].deny)[0].protocol == "all" && google_compute_firewall.this["deny-egress"].destination_ranges == toset(["0.0.0.0/0"])
    error_message = "egress must be denied by default"
  }

  assert {
    condition     = alltrue([for key, rule in google_compute_firewall.this : rule.priority < google_compute_firewall.this["deny-egress"].priority if !startswith(key, "deny-")])
    error_message = "a denial stands before what is allowed"
  }

  assert {
    condition     = length([for rule in google_compute_firewall.this : rule if rule.direction == "INGRESS" && length(rule.allow) > 0]) == 0
    error_message = "no rule of ours lets anything in"
  }

  assert {
    condition     = alltrue([for rule in google_compute_firewall.this : length(rule.log_config) == 1])
    error_message = "every rule must log"
  }
}

run "no_way_leads_to_the_internet_unless_asked_for" {
  command = plan

  assert {
    condition     = google_compute_network.this["this"].delete_default_routes_on_create && length(google_compute_route.internet) == 0 && length(google_compute_router_nat.this) == 0
    error_message = "without nat there must be no default route and no NAT"
  }

  assert {
    condition     = google_compute_network.this["this"].auto_create_subnetworks == false
    error_message = "subnets must be made by name"
  }
}

run "google_apis_are_reached_by_a_private_address_on_port_443_alone" {
  command = plan

  assert {
    condition     = google_compute_route.google_apis["this"].dest_range == "199.36.153.8/30" && google_compute_firewall.this["allow-egress-google"].destination_ranges == toset(["199.36.153.8/30"]) && tolist(google_compute_firewall.this["allow-egress-google"].allow)[0].ports == tolist(["443"])
    error_message = "the route and the rule to Google's APIs must agree, on port 443"
  }

  assert {
    condition     = google_compute_subnetwork.nodes["this"].private_ip_google_access
    error_message = "nodes without addresses need Private Google Access"
  }
}

run "flows_are_logged" {
  command = plan

  assert {
    condition     = google_compute_subnetwork.nodes["this"].log_config[0].metadata == "INCLUDE_ALL_METADATA" && google_compute_subnetwork.nodes["this"].log_config[0].flow_sampling == 0.5
    error_message = "flow logs must be on"
  }
}

run "pods_and_services_have_ranges_of_their_own" {
  command = plan

  assert {
    condition     = { for range in google_compute_subnetwork.nodes["this"].secondary_ip_range : range.range_name => range.ip_cidr_range } == { pods = "10.24.0.0/16", services = "10.20.16.0/20" }
    error_message = "the ranges must reach the subnet"
  }

  assert {
    condition     = google_compute_subnetwork.psc["this"].purpose == "PRIVATE_SERVICE_CONNECT"
    error_message = "psc_cidr must make a subnet for Private Service Connect"
  }
}

run "nat_opens_port_443_to_the_named_ranges" {
  command = plan

  variables {
    nat = { enabled = true, destinations = ["203.0.113.0/24"] }
  }

  assert {
    condition     = google_compute_firewall.this["allow-egress-nat"].destination_ranges == toset(["203.0.113.0/24"]) && tolist(google_compute_firewall.this["allow-egress-nat"].allow)[0].ports == tolist(["443"])
    error_message = "NAT must be limited to what was named"
  }

  assert {
    condition     = length(google_compute_router_nat.this) == 1 && google_compute_router_nat.this["this"].log_config[0].enable
    error_message = "NAT must be made, with a log"
  }
}

run "an_existing_network_is_used_and_nothing_is_made" {
  command = plan

  variables {
    network = { existing = { network = "n", subnetwork = "s", pods_range = "p", services_range = "v" } }
  }

  assert {
    condition     = length(google_compute_network.this) + length(google_compute_subnetwork.nodes) + length(google_compute_firewall.this) + length(google_compute_route.google_apis) == 0
    error_message = "an existing network must not be touched"
  }

  assert {
    condition     = output.network.subnetwork == "s" && output.network.pods_range == "p"
    error_message = "the names must be passed through"
  }
}

run "extras_are_added_without_an_edit" {
  command = plan

  variables {
    extra_subnets  = { cache = "10.20.5.0/24" }
    extra_firewall = { cache = { direction = "EGRESS", ranges = ["10.20.5.0/24"], ports = ["6379"] } }
  }

  assert {
    condition     = google_compute_subnetwork.extra["cache"].ip_cidr_range == "10.20.5.0/24" && tolist(google_compute_firewall.this["extra-cache"].allow)[0].ports == tolist(["6379"])
    error_message = "extra subnets and rules must be made"
  }
}

run "the_ports_of_the_snapshot_providers_hosts_are_open" {
  command = plan

  # The metadata server answers on the node itself; no firewall stands before it.
  assert {
    condition = alltrue([
      for need in jsondecode(file("../../gce-provider-needs.json")).hosts :
      contains(tolist(google_compute_firewall.this["allow-egress-google"].allow)[0].ports, tostring(need.port)) || need.host == "metadata.google.internal"
    ])
    error_message = "a port that the provider calls is closed"
  }
}
