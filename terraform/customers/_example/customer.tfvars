# A customer to copy: one prod database for clients of the network. Each line that you have to change says so.
customer    = "example" # the name of your folder; remove `folder` then
folder      = "_example"
environment = "prod"
project_id  = "example-prod-1"                                          # yours
deployer    = "example-deployer@example-prod-1.iam.gserviceaccount.com" # output of the stack bootstrap
region      = "europe-west3"
zones       = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
domain      = "db.example.internal" # yours

# No range may meet those of networks that this one is joined with.
network = {
  create = {
    nodes_cidr    = "10.20.0.0/22"
    pods_cidr     = "10.24.0.0/16"
    services_cidr = "10.20.16.0/20"
  }
}

node_pools = {
  system = { machine_type = "e2-standard-2" }
  db     = { machine_type = "n2-standard-4", tainted = true }
}

image_repository = { project = "stylobate-images", location = "europe", repository = "stylobate" } # where CI pushes
operator         = { image = { prefix = "europe-docker.pkg.dev/stylobate-images/stylobate", tag = "0.1.0" } }

# To make retention final, once you are sure: lock = true, lock_confirm = "example-prod-1-example-evidence".
audit = { retention_days = 400, readers = { auditors = "group:auditors@example.com" } }

backup = { snapshot_location = "eu" }

# archive: WAL goes into the bucket, so that any moment can be brought back, not those of backups alone.
databases = {
  ledger = { archive = true, door = { mode = "internal", source_ranges = ["10.0.0.0/8"] } }
}

alerts = { emails = { oncall = "oncall@example.com" } }
labels = { cost-centre = "1001" }
