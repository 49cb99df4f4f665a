# What the module gives the charts.
mock_provider "helm" {}

variables {
  charts            = "../../../charts"
  image             = { prefix = "europe-docker.pkg.dev/images/stylobate", tag = "0.1.0" }
  service_account   = "shop-operator@shop-prod-1.iam.gserviceaccount.com"
  disk_key          = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/disks"
  snapshot_location = "eu"
  database_pools = {
    db   = { nodeSelector = { "stylobate.dev/pool" = "db" }, tolerations = [{ key = "stylobate.dev/pool", operator = "Equal", value = "db", effect = "NoSchedule" }] }
    work = { nodeSelector = { "stylobate.dev/pool" = "work" }, tolerations = [{ key = "stylobate.dev/pool", operator = "Equal", value = "work", effect = "NoSchedule" }] }
  }
}

run "the_operator_comes_from_this_repositorys_chart_and_goes_back_when_it_fails" {
  command = plan

  assert {
    condition     = helm_release.operator.chart == "../../../charts/stylobate" && helm_release.operator.namespace == "stylobate-system" && helm_release.operator.create_namespace
    error_message = "the chart of this repository must be installed, in a namespace of its own"
  }

  assert {
    condition     = helm_release.operator.atomic && helm_release.operator.cleanup_on_fail
    error_message = "a failed upgrade must go back by itself"
  }
}

run "the_operators_pods_are_its_account_and_nobody_elses" {
  command = plan

  assert {
    condition     = yamldecode(output.values).serviceAccount.annotations["iam.gke.io/gcp-service-account"] == "shop-operator@shop-prod-1.iam.gserviceaccount.com"
    error_message = "the ServiceAccount must name the account that identity made"
  }
}

run "volumes_are_encrypted_with_the_customers_key" {
  command = plan

  assert {
    condition     = alltrue([for class in values(yamldecode(output.values).storageClasses) : class.parameters["disk-encryption-kms-key"] == var.disk_key && class.provisioner == "pd.csi.storage.gke.io"])
    error_message = "a class makes disks without the customer's key"
  }

  assert {
    condition     = yamldecode(output.values).storageClasses["stylobate-ssd"].default && !yamldecode(output.values).storageClasses["stylobate-balanced"].default
    error_message = "one class must be the default"
  }
}

run "snapshots_are_kept_where_they_were_asked_to_be" {
  command = plan

  assert {
    condition     = yamldecode(output.values).snapshotClasses.stylobate.parameters["storage-locations"] == "eu" && yamldecode(output.values).snapshotClasses.stylobate.driver == "pd.csi.storage.gke.io"
    error_message = "snapshot_location must reach the class"
  }
}

run "metrics_are_read_by_managed_prometheus_alone" {
  command = plan

  assert {
    condition     = yamldecode(output.values).monitor.kind == "PodMonitoring" && toset(yamldecode(output.values).networkPolicy.scrapers) == toset(["gke-gmp-system", "gmp-system"])
    error_message = "only GKE's collectors may reach the operator"
  }
}

run "a_database_is_told_where_its_wal_goes_and_says_itself_how_long_it_stays" {
  command = plan

  variables {
    databases = { ledger = { values = "backup: {archive: {retentionDays: 14}}", archive = { gcs = { bucket = "shop-wal", prefix = "ledger/ledger" } } } }
  }

  assert {
    condition     = yamldecode(helm_release.database["ledger"].values[1]).backup.archive == { gcs = { bucket = "shop-wal", prefix = "ledger/ledger" } } && yamldecode(helm_release.database["ledger"].values[2]).backup.archive.retentionDays == 14
    error_message = "bucket and folder must reach the chart, before the database's own values"
  }
}

run "a_database_runs_in_its_pool_with_its_door" {
  command = plan

  variables {
    databases = {
      ledger = { values = "instances: 3" }
      orders = { values = "instances: 5", pool = "work", namespace = "sales", exposure = "exposure: {mode: Internal, sourceRanges: [10.0.0.0/8]}" }
    }
  }

  assert {
    condition     = yamldecode(helm_release.database["ledger"].values[0]).scheduling.nodeSelector["stylobate.dev/pool"] == "db" && yamldecode(helm_release.database["ledger"].values[0]).storage.storageClass == "stylobate-ssd" && yamldecode(helm_release.database["ledger"].values[0]).scheduling.spread == "Required"
    error_message = "a database must run in the pool for databases, one member a node, on the default disk"
  }

  assert {
    condition     = helm_release.database["orders"].namespace == "sales" && yamldecode(helm_release.database["orders"].values[1]).scheduling.nodeSelector["stylobate.dev/pool"] == "work" && yamldecode(helm_release.database["orders"].values[2]).exposure.mode == "Internal"
    error_message = "pool, namespace and door must reach the chart"
  }

  assert {
    condition     = helm_release.database["ledger"].namespace == "ledger" && helm_release.database["ledger"].values[1] == "instances: 3"
    error_message = "the database's own values come last"
  }
}
