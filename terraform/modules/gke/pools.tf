# Node pools, one for each entry: a change of one entry touches one pool. System pods and operators run in pools without a
# taint; members of databases tolerate the taint of pools that have one.
resource "google_container_node_pool" "this" {
  for_each = var.node_pools

  project        = var.project_id
  name           = each.key
  cluster        = google_container_cluster.this.id
  location       = var.region
  node_locations = coalesce(each.value.zones, var.zones)

  initial_node_count = each.value.min_per_zone
  max_pods_per_node  = local.max_pods_per_node

  autoscaling {
    min_node_count  = each.value.min_per_zone
    max_node_count  = each.value.max_per_zone
    location_policy = "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # A new node first, then one old one: budgets of the operator let a primary go only after it handed over.
  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = 1
    max_unavailable = 0
  }

  network_config {
    enable_private_nodes = true
  }

  node_config {
    machine_type      = each.value.machine_type
    disk_type         = each.value.boot_disk_type
    disk_size_gb      = each.value.boot_disk_gb
    boot_disk_kms_key = var.keys.nodes
    image_type        = "COS_CONTAINERD"
    service_account   = var.node_service_account
    oauth_scopes      = local.scopes
    labels            = merge({ "stylobate.dev/pool" = each.key }, each.value.labels)
    tags              = ["${var.name}-node"]

    resource_labels = var.labels

    metadata = {
      disable-legacy-endpoints = "true"
    }

    dynamic "taint" {
      for_each = each.value.tainted ? [each.key] : []

      content {
        key    = "stylobate.dev/pool"
        value  = taint.value
        effect = "NO_SCHEDULE"
      }
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    gvnic {
      enabled = true
    }

    kubelet_config {
      insecure_kubelet_readonly_port_enabled = "FALSE"
    }

    # Postgres asks for huge pages itself where it wants them; transparent ones for all only cost latency.
    linux_node_config {
      cgroup_mode                  = "CGROUP_MODE_V2"
      transparent_hugepage_enabled = each.value.tainted ? "TRANSPARENT_HUGEPAGE_ENABLED_MADVISE" : null
    }
  }

  lifecycle {
    # The autoscaler owns the number of nodes after the first day; a changed minimum must not make pools anew.
    ignore_changes = [initial_node_count]
  }
}
