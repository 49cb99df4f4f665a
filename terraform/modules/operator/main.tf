# The operator and the customer's databases, from the charts of this repository. Objects of Stylobate come with the charts,
# never as kubernetes_manifest: that asks the API server for definitions at plan time, before there is a cluster.
locals {
  labels = join(",", [for key, value in merge({ managed-by = "stylobate" }, var.labels) : "${key}=${value}"])

  # Volumes by name of their class. Each kind of disk is one class; the customer's key encrypts all.
  storage_classes = { for name, type in var.disk_types : name => {
    provisioner = "pd.csi.storage.gke.io"
    default     = name == var.default_disk
    parameters = {
      type                    = type
      disk-encryption-kms-key = var.disk_key
      labels                  = local.labels
    }
  } }

  # A snapshot is encrypted with its disk's key, and kept where a lost zone, or with a multi-region a lost region, leaves it.
  snapshot_classes = { stylobate = {
    driver = "pd.csi.storage.gke.io"
    parameters = {
      snapshot-type     = "STANDARD"
      storage-locations = var.snapshot_location
      labels            = local.labels
    }
  } }

  # No priority class: GKE lets the critical ones into kube-system alone, unless a quota in the namespace allows them.
  values = {
    image           = { prefix = var.image.prefix, tag = var.image.tag, pullPolicy = "IfNotPresent" }
    clusterDomain   = var.cluster_domain
    spread          = "Required"
    storageClasses  = local.storage_classes
    snapshotClasses = local.snapshot_classes
    serviceAccount  = { annotations = { "iam.gke.io/gcp-service-account" = var.service_account } }
    monitor         = { kind = "PodMonitoring" }
    networkPolicy   = { enabled = true, scrapers = ["gke-gmp-system", "gmp-system"] }
  }

  # What every database of this platform has; a database's own file comes after it and wins.
  database_values = {
    storage       = { storageClass = var.default_disk }
    podMonitoring = true
    scheduling    = merge(var.database_pools[var.default_pool], { spread = "Required" })
  }
}

resource "helm_release" "operator" {
  name             = "stylobate"
  namespace        = var.namespace
  create_namespace = true
  chart            = "${var.charts}/stylobate"
  values           = concat([yamlencode(local.values)], var.extra_values)

  # A failed upgrade goes back by itself; databases need no operator meanwhile.
  atomic          = true
  cleanup_on_fail = true
  wait            = true
  timeout         = 600
  max_history     = 10

  lifecycle {
    precondition {
      condition     = contains(keys(var.disk_types), var.default_disk)
      error_message = "default_disk is '${var.default_disk}': one of disk_types, ${join(", ", keys(var.disk_types))}."
    }
  }
}

resource "helm_release" "database" {
  for_each = var.databases

  name             = each.key
  namespace        = coalesce(each.value.namespace, each.key)
  create_namespace = true
  chart            = "${var.charts}/postgres-cluster"
  values = compact([
    yamlencode(merge({ name = each.key }, local.database_values)),
    each.value.pool == null ? "" : yamlencode({ scheduling = var.database_pools[each.value.pool] }),
    each.value.archive == null ? "" : yamlencode({ backup = { archive = each.value.archive } }),
    each.value.exposure == null ? "" : each.value.exposure,
    each.value.values,
  ])

  # The chart makes one object; the operator brings it about. `kubectl wait pgc/NAME --for=condition=Ready` tells when.
  wait        = false
  max_history = 10

  # The definition has to be there, and its operator to answer.
  depends_on = [helm_release.operator]
}
