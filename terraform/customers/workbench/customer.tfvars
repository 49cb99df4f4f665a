# Small and internal: the team's own test platform, in a network that is there already, as cheap as three zones can be.
customer    = "workbench"
environment = "test"
project_id  = "workbench-test-1"
region      = "us-central1"
zones       = ["us-central1-a", "us-central1-b", "us-central1-f"]
domain      = "db.workbench.internal"

network = {
  existing = {
    network        = "projects/workbench-net-1/global/networks/shared"
    subnetwork     = "projects/workbench-net-1/regions/us-central1/subnetworks/workbench"
    pods_range     = "pods"
    services_range = "services"
  }
}

cluster = { binary_authorization = false, deletion_protection = false }

node_pools = {
  system = { machine_type = "e2-standard-2", max_per_zone = 1 }
  db     = { machine_type = "e2-standard-2", tainted = true, max_per_zone = 2 }
}

operator = {
  image        = { prefix = "us-docker.pkg.dev/stylobate-images/stylobate", tag = "0.1.0" }
  disk_types   = { stylobate-balanced = "pd-balanced" }
  default_disk = "stylobate-balanced"
}

# A week: enough to look at, gone before the project is.
audit     = { retention_days = 7 }
archive   = { enabled = false } # what is tried here need not be brought back
databases = { scratch = {} }
alerts    = { emails = { team = "platform@example.com" } }
