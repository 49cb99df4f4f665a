# Where this customer's state is: the output `backend` of the stack bootstrap.
bucket                      = "atlas-pay-prod-7-atlas-state"
prefix                      = "atlas/customer"
impersonate_service_account = "atlas-deployer@atlas-pay-prod-7.iam.gserviceaccount.com"
