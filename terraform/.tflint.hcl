# The rules of Terraform itself, all of them; those of Google's own plug-in can't be had offline.
config {
  call_module_type = "none"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Parts of a module are split by what they are about (egress.tf, firewall.tf), and a test has no outputs.
rule "terraform_standard_module_structure" {
  enabled = false
}
