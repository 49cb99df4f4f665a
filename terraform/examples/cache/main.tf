# A service beside the databases, as a customer adds one: a Redis in the customer's network. It is one file for the stack
# customer (copy this folder's module call there) and three extras in the customer's folder; no existing module is edited:
#   extras/services.yaml   [redis.googleapis.com]
#   extras/firewall.yaml   cache: {direction: EGRESS, ranges: [10.20.6.0/29], ports: ["6378"]}
#   extras/alerts.yaml     cache: {title: The cache is full, query: ..., runbook: First look}
# An application's own chart gets address and authority by the output `values`.
resource "google_redis_instance" "this" {
  project            = var.project_id
  name               = "${var.name}-cache"
  region             = var.region
  display_name       = "Cache of ${var.name}"
  tier               = "STANDARD_HA"
  memory_size_gb     = var.memory_gb
  redis_version      = "REDIS_7_2"
  authorized_network = var.network
  connect_mode       = "DIRECT_PEERING"
  reserved_ip_range  = var.range
  labels             = var.labels

  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  customer_managed_key    = var.kms_key
  deletion_protection     = true
}
