# Who applies, and how the charts get into a cluster that the same apply makes.
provider "google" {
  project                     = var.project_id
  region                      = var.region
  impersonate_service_account = var.deployer
  default_labels              = local.labels
}

# The token is made anew at each call by the plug-in: one kept in state would have run out at the next apply. The DNS
# endpoint's certificate is one that everybody trusts, so no authority has to be handed over.
provider "helm" {
  kubernetes = {
    host = "https://${module.gke.cluster.dns_endpoint}"
    exec = {
      api_version = "client.authentication.k8s.io/v1"
      command     = "gke-gcloud-auth-plugin"
      args        = var.deployer == null ? [] : ["--impersonate_service_account", var.deployer]
      env         = {}
    }
  }
}
