# Large: payments over many shards. A coordinator's and workers' pools for Citus, keys in hardware, evidence locked, partners by
# Private Service Connect, memory encrypted, no way to the internet, control plane unseen from outside.
customer    = "atlas"
environment = "prod"
project_id  = "atlas-pay-prod-7"
deployer    = "atlas-deployer@atlas-pay-prod-7.iam.gserviceaccount.com"
region      = "europe-west4"
zones       = ["europe-west4-a", "europe-west4-b", "europe-west4-c"]
domain      = "db.atlas.internal"
google_apis = "restricted"

network = {
  create = {
    nodes_cidr    = "10.64.0.0/20"
    pods_cidr     = "10.72.0.0/14"
    services_cidr = "10.64.16.0/20"
    psc_cidr      = "10.64.32.0/24"
  }
}
flow_logs = { sampling = 1.0 }

kms = { protection_level = "HSM", rotation_days = 30 }

cluster = {
  release_channel           = "STABLE"
  dns_endpoint_from_outside = false
  security_group            = "gke-security-groups@atlas.example"
  confidential_nodes        = true
  maintenance = {
    recurrence = "FREQ=WEEKLY;BYDAY=SU"
    start_time = "2026-01-04T00:00:00Z"
    end_time   = "2026-01-04T12:00:00Z"
    exclusions = {
      year-end = { start_time = "2026-12-10T00:00:00Z", end_time = "2027-01-09T00:00:00Z", scope = "NO_UPGRADES" }
    }
  }
}

node_pools = {
  system      = { machine_type = "c3d-standard-4", max_per_zone = 2 }
  db          = { machine_type = "c3d-standard-8", tainted = true }
  coordinator = { machine_type = "c3d-highmem-8", tainted = true, labels = { "stylobate.dev/role" = "coordinator" } }
  worker      = { machine_type = "c3d-highmem-16", tainted = true, max_per_zone = 8, labels = { "stylobate.dev/role" = "worker" } }
}

image_repository = { project = "stylobate-images", location = "europe", repository = "stylobate" }
operator = {
  image        = { prefix = "europe-docker.pkg.dev/stylobate-images/stylobate", tag = "0.1.0" }
  disk_types   = { stylobate-ssd = "pd-ssd", stylobate-hyperdisk = "hyperdisk-balanced" }
  default_disk = "stylobate-hyperdisk"
}

audit = {
  retention_days = 2555 # seven years, by the customer's own rule
  lock           = true
  lock_confirm   = "atlas-pay-prod-7-atlas-evidence"
  readers        = { auditors = "group:audit@atlas.example", regulator = "group:supervision@atlas.example" }
}

backup = {
  snapshot_location = "eu"
  objects_location  = "europe-west1"
  objects_key       = "projects/atlas-pay-prod-7/locations/europe-west1/keyRings/atlas-second/cryptoKeys/backup"
}

archive = { undelete_days = 30 }

databases = {
  ledger = {
    pool    = "worker"
    archive = true
    door    = { mode = "psc", consumers = { "atlas-shop-prod" = 20, "partner-bank-1" = 5 } }
  }
  risk = {
    namespace = "risk"
    archive   = true
    door      = { mode = "internal", source_ranges = ["10.64.0.0/12"], global_access = true }
  }
}

alerts = { channels = ["projects/atlas-pay-prod-7/notificationChannels/1234567890"] }
labels = { cost-centre = "7001", data-class = "payment" }
