# What every cluster has, whatever the inputs are. Where a control of CIS GKE 1.4 asks for it, its number is in the message.
mock_provider "google" {}

variables {
  project_id           = "shop-prod-1"
  name                 = "shop"
  region               = "europe-west3"
  zones                = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
  network              = { network = "n", subnetwork = "s", pods_range = "pods", services_range = "services" }
  keys                 = { secrets = "projects/p/locations/l/keyRings/r/cryptoKeys/secrets", nodes = "projects/p/locations/l/keyRings/r/cryptoKeys/nodes" }
  node_service_account = "shop-nodes@shop-prod-1.iam.gserviceaccount.com"
}

run "the_control_plane_is_reached_by_dns_and_iam_alone" {
  command = plan

  assert {
    condition     = google_container_cluster.this.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled == false
    error_message = "an IP endpoint answers (CIS 5.6.4)"
  }

  assert {
    condition     = length(google_container_cluster.this.master_authorized_networks_config) == 0
    error_message = "a list of networks, even an empty one, switches the IP endpoint on again"
  }
}

run "nodes_have_no_public_address" {
  command = plan

  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes && alltrue([for pool in google_container_node_pool.this : pool.network_config[0].enable_private_nodes])
    error_message = "nodes have public addresses (CIS 5.6.5)"
  }
}

run "the_cluster_and_its_nodes_span_three_zones" {
  command = plan

  assert {
    condition     = google_container_cluster.this.location == "europe-west3" && length(google_container_cluster.this.node_locations) == 3 && alltrue([for pool in google_container_node_pool.this : length(pool.node_locations) == 3])
    error_message = "a lost zone would take the control plane or all nodes"
  }
}

run "secrets_and_disks_are_encrypted_with_the_customers_keys" {
  command = plan

  assert {
    condition     = google_container_cluster.this.database_encryption[0].state == "ENCRYPTED" && google_container_cluster.this.database_encryption[0].key_name == var.keys.secrets
    error_message = "Secrets in etcd are not encrypted with a key of ours (CIS 5.3.1)"
  }

  assert {
    condition     = alltrue([for pool in google_container_node_pool.this : pool.node_config[0].boot_disk_kms_key == var.keys.nodes])
    error_message = "boot disks are not encrypted with a key of ours (CIS 5.9.1)"
  }
}

run "pods_have_identities_of_their_own" {
  command = plan

  assert {
    condition     = google_container_cluster.this.workload_identity_config[0].workload_pool == "shop-prod-1.svc.id.goog" && alltrue([for pool in google_container_node_pool.this : pool.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"])
    error_message = "pods get the node's identity (CIS 5.2.2)"
  }

  assert {
    condition     = alltrue([for pool in google_container_node_pool.this : pool.node_config[0].service_account == var.node_service_account && pool.node_config[0].metadata["disable-legacy-endpoints"] == "true"])
    error_message = "nodes have another account than the one made for them (CIS 5.2.1)"
  }
}

run "nobody_gets_in_without_a_name" {
  command = plan

  assert {
    condition     = google_container_cluster.this.anonymous_authentication_config[0].mode == "LIMITED" && google_container_cluster.this.enable_legacy_abac == false && google_container_cluster.this.master_auth[0].client_certificate_config[0].issue_client_certificate == false
    error_message = "anonymous requests, ABAC or client certificates are allowed (CIS 5.8.1, 5.8.2, 5.8.4)"
  }

  assert {
    condition     = google_container_cluster.this.rbac_binding_config[0].enable_insecure_binding_system_authenticated == false && google_container_cluster.this.rbac_binding_config[0].enable_insecure_binding_system_unauthenticated == false
    error_message = "roles may be bound to everybody"
  }
}

run "nodes_are_hardened" {
  command = plan

  assert {
    condition     = google_container_cluster.this.enable_shielded_nodes && alltrue([for pool in google_container_node_pool.this : pool.node_config[0].shielded_instance_config[0].enable_secure_boot && pool.node_config[0].shielded_instance_config[0].enable_integrity_monitoring])
    error_message = "nodes are not shielded (CIS 5.5.5, 5.5.6, 5.5.7)"
  }

  assert {
    condition     = alltrue([for pool in google_container_node_pool.this : pool.node_config[0].image_type == "COS_CONTAINERD" && pool.node_config[0].kubelet_config[0].insecure_kubelet_readonly_port_enabled == "FALSE"])
    error_message = "nodes run another image, or the kubelet answers without asking who (CIS 5.5.1)"
  }
}

run "network_policies_are_enforced_and_seen" {
  command = plan

  assert {
    condition     = google_container_cluster.this.datapath_provider == "ADVANCED_DATAPATH" && google_container_cluster.this.enable_intranode_visibility && google_container_cluster.this.monitoring_config[0].advanced_datapath_observability_config[0].enable_metrics
    error_message = "NetworkPolicies of the operator would be objects without effect (CIS 5.6.1, 5.6.7)"
  }
}

run "nodes_are_repaired_and_upgraded_one_at_a_time" {
  command = plan

  assert {
    condition     = alltrue([for pool in google_container_node_pool.this : pool.management[0].auto_repair && pool.management[0].auto_upgrade && pool.upgrade_settings[0].max_surge == 1 && pool.upgrade_settings[0].max_unavailable == 0])
    error_message = "an upgrade could take more than one node of a pool (CIS 5.5.2, 5.5.3)"
  }

  assert {
    condition     = google_container_cluster.this.release_channel[0].channel == "REGULAR" && google_container_cluster.this.maintenance_policy[0].recurring_window[0].recurrence == "FREQ=WEEKLY;BYDAY=SA,SU"
    error_message = "upgrades must follow a channel, in a window (CIS 5.5.4)"
  }
}

run "everything_is_logged_and_measured" {
  command = plan

  assert {
    condition     = google_container_cluster.this.logging_config[0].enable_components == toset(["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"]) && google_container_cluster.this.monitoring_config[0].managed_prometheus[0].enabled
    error_message = "logs or metrics are missing (CIS 5.7.1)"
  }

  assert {
    condition     = google_container_cluster.this.security_posture_config[0].vulnerability_mode == "VULNERABILITY_BASIC"
    error_message = "images are not looked at for known holes"
  }
}

run "disks_snapshots_and_backups_have_their_drivers" {
  command = plan

  assert {
    condition     = google_container_cluster.this.addons_config[0].gce_persistent_disk_csi_driver_config[0].enabled && google_container_cluster.this.addons_config[0].gke_backup_agent_config[0].enabled
    error_message = "the add-ons for disks and backups must be on"
  }

  assert {
    condition     = google_container_cluster.this.enable_l4_ilb_subsetting && google_container_cluster.this.addons_config[0].http_load_balancing[0].disabled == false && google_container_cluster.this.service_external_ips_config[0].enabled == false
    error_message = "internal load balancers, PSC attachments and refused external IPs need these"
  }
}

run "a_destroy_is_refused_and_only_known_images_run" {
  command = plan

  assert {
    condition     = google_container_cluster.this.deletion_protection && google_container_cluster.this.binary_authorization[0].evaluation_mode == "PROJECT_SINGLETON_POLICY_ENFORCE"
    error_message = "deletion protection and Binary Authorization are on by default (CIS 5.10.5)"
  }
}

run "databases_have_nodes_of_their_own" {
  command = plan

  assert {
    condition     = google_container_node_pool.this["db"].node_config[0].taint[0].key == "stylobate.dev/pool" && google_container_node_pool.this["db"].node_config[0].taint[0].effect == "NO_SCHEDULE" && length(google_container_node_pool.this["system"].node_config[0].taint) == 0
    error_message = "the pool for databases must be tainted, that of the system not"
  }

  assert {
    condition     = google_container_node_pool.this["db"].autoscaling[0].min_node_count == 1 && output.database_pools["db"].tolerations[0].value == "db" && output.database_pools["db"].nodeSelector["stylobate.dev/pool"] == "db"
    error_message = "each zone needs a node for a member, and members must tolerate its taint"
  }

  assert {
    condition     = google_container_cluster.this.remove_default_node_pool
    error_message = "the default pool must go"
  }
}

run "groups_and_confidential_nodes_are_there_on_request" {
  command = plan

  variables {
    security_group     = "gke-security-groups@example.com"
    confidential_nodes = true
    node_pools = {
      system = { machine_type = "n2d-standard-2" }
      coord  = { machine_type = "n2d-highmem-4", tainted = true }
      work   = { machine_type = "n2d-highmem-8", tainted = true, max_per_zone = 9 }
    }
    labels      = { customer = "shop" }
    maintenance = { exclusions = { quarter-end = { start_time = "2026-12-20T00:00:00Z", end_time = "2027-01-08T00:00:00Z", scope = "NO_UPGRADES" } } }
  }

  assert {
    condition     = google_container_cluster.this.authenticator_groups_config[0].security_group == "gke-security-groups@example.com" && google_container_cluster.this.confidential_nodes[0].enabled
    error_message = "the inputs must reach the cluster (CIS 5.8.3)"
  }

  assert {
    condition     = join(" ", keys(google_container_node_pool.this)) == "coord system work" && join(" ", keys(output.database_pools)) == "coord work"
    error_message = "each entry makes a pool, each tainted one is offered to members"
  }

  assert {
    condition     = google_container_cluster.this.resource_labels == tomap({ customer = "shop" }) && google_container_node_pool.this["work"].node_config[0].resource_labels == tomap({ customer = "shop" })
    error_message = "labels must reach the cluster and its nodes"
  }

  assert {
    condition     = length(google_container_cluster.this.maintenance_policy[0].maintenance_exclusion) == 1
    error_message = "exclusions must reach the cluster"
  }
}

run "secrets_are_backed_up_each_day_and_nobody_deletes_them_for_a_week" {
  command = plan

  variables {
    object_backups = { key = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/backup" }
  }

  assert {
    condition     = google_gke_backup_backup_plan.objects[0].backup_config[0].include_secrets && google_gke_backup_backup_plan.objects[0].backup_config[0].all_namespaces && google_gke_backup_backup_plan.objects[0].backup_config[0].encryption_key[0].gcp_kms_encryption_key == var.object_backups.key
    error_message = "Secrets of all namespaces must be in the backup, under the customer's key"
  }

  assert {
    condition     = google_gke_backup_backup_plan.objects[0].retention_policy[0].backup_delete_lock_days == 7 && google_gke_backup_backup_plan.objects[0].backup_schedule[0].cron_schedule == "17 2 * * *"
    error_message = "backups must be daily, and safe from deletion for a week"
  }
}
