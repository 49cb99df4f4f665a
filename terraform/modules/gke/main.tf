# A regional, private cluster that is reached by its DNS endpoint alone. What a security review asks for is set here and is
# no input; inputs are what customers differ in.
resource "google_container_cluster" "this" {
  project  = var.project_id
  name     = "${var.name}-stylobate"
  location = var.region

  # Zones are named, so that a new zone of the region does not move nodes, and volumes with them.
  node_locations = var.zones

  network             = var.network.network
  subnetwork          = var.network.subnetwork
  networking_mode     = "VPC_NATIVE"
  datapath_provider   = "ADVANCED_DATAPATH"
  deletion_protection = var.deletion_protection
  resource_labels     = var.labels

  # Pools are resources of their own (pools.tf): a pool in the cluster's block can't change without a new cluster.
  remove_default_node_pool = true
  initial_node_count       = 1

  enable_shielded_nodes       = true
  enable_intranode_visibility = true
  enable_l4_ilb_subsetting    = true
  enable_legacy_abac          = false
  enable_kubernetes_alpha     = false
  default_max_pods_per_node   = local.max_pods_per_node

  # The pool that is removed at once exists for some minutes; it is held to the same rules as the others.
  node_config {
    service_account   = var.node_service_account
    oauth_scopes      = local.scopes
    image_type        = "COS_CONTAINERD"
    boot_disk_kms_key = var.keys.nodes

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = var.network.pods_range
    services_secondary_range_name = var.network.services_range
  }

  release_channel {
    channel = var.release_channel
  }

  cost_management_config {
    enabled = true
  }

  # --- who reaches the control plane ---
  # No IP endpoint at all: the DNS endpoint asks IAM for each connection, so no list of addresses has to be kept.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic    = var.dns_endpoint_from_outside
      enable_k8s_tokens_via_dns = false
      enable_k8s_certs_via_dns  = false
    }
    ip_endpoints_config {
      enabled = false
    }
  }

  # Nothing of the private endpoint is said here: with no IP endpoint there is none.
  private_cluster_config {
    enable_private_nodes = true
  }

  # --- who is who ---
  workload_identity_config {
    workload_pool = "${var.project_id}.svc.id.goog"
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  anonymous_authentication_config {
    mode = "LIMITED"
  }

  rbac_binding_config {
    enable_insecure_binding_system_authenticated   = false
    enable_insecure_binding_system_unauthenticated = false
  }

  dynamic "authenticator_groups_config" {
    for_each = var.security_group == null ? [] : [var.security_group]

    content {
      security_group = authenticator_groups_config.value
    }
  }

  binary_authorization {
    evaluation_mode = var.binary_authorization ? "PROJECT_SINGLETON_POLICY_ENFORCE" : "DISABLED"
  }

  # --- data ---
  database_encryption {
    state    = "ENCRYPTED"
    key_name = var.keys.secrets
  }

  dynamic "confidential_nodes" {
    for_each = var.confidential_nodes ? [true] : []

    content {
      enabled = true
    }
  }

  secret_manager_config {
    enabled = true
    rotation_config {
      enabled           = true
      rotation_interval = "120s"
    }
  }

  # --- what Google looks at and keeps ---
  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_BASIC"
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"]
  }

  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER", "STORAGE", "POD", "STATEFULSET", "DEPLOYMENT"]

    managed_prometheus {
      enabled = true
    }

    # Which pod talked to which, also what a NetworkPolicy refused.
    advanced_datapath_observability_config {
      enable_metrics = true
      enable_relay   = true
    }
  }

  # --- names and add-ons ---
  dns_config {
    cluster_dns        = "CLOUD_DNS"
    cluster_dns_scope  = "CLUSTER_SCOPE"
    cluster_dns_domain = local.cluster_domain
  }

  # Dataplane V2 enforces NetworkPolicies; the older engine is said to be off, because scanners look for the block.
  network_policy {
    enabled = false
  }

  service_external_ips_config {
    enabled = false
  }

  addons_config {
    gce_persistent_disk_csi_driver_config {
      enabled = true
    }
    gke_backup_agent_config {
      enabled = true
    }
    dns_cache_config {
      enabled = true
    }
    # Service attachments of Private Service Connect are made by this add-on.
    http_load_balancing {
      disabled = false
    }
    network_policy_config {
      disabled = true
    }
  }

  # --- when Google may restart things ---
  maintenance_policy {
    recurring_window {
      start_time = var.maintenance.start_time
      end_time   = var.maintenance.end_time
      recurrence = var.maintenance.recurrence
    }

    dynamic "maintenance_exclusion" {
      for_each = var.maintenance.exclusions

      content {
        exclusion_name = maintenance_exclusion.key
        start_time     = maintenance_exclusion.value.start_time
        end_time       = maintenance_exclusion.value.end_time

        exclusion_options {
          scope = maintenance_exclusion.value.scope
        }
      }
    }
  }

  lifecycle {
    # Set by the service when the pool that is removed goes; a plan would show them for ever.
    ignore_changes = [initial_node_count, node_config]
  }
}

locals {
  # 48 pods a node make GKE hand each node 64 x 2 = 128 addresses, half of what the default of 110 takes.
  max_pods_per_node = 48

  cluster_domain = "cluster.local"

  # What a node may do is said by its account's roles; a narrower scope on top only hides why something is refused.
  scopes = ["https://www.googleapis.com/auth/cloud-platform"]
}
