# Where this customer's state is: the output `backend` of the stack bootstrap.
bucket = "workbench-test-1-workbench-state"
prefix = "workbench/customer"
