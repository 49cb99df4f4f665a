# Where this customer's state is: the output `backend` of the stack bootstrap.
bucket                      = "example-prod-1-example-state"
prefix                      = "example/customer"
impersonate_service_account = "example-deployer@example-prod-1.iam.gserviceaccount.com"
