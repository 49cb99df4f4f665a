# The local cluster's storage driver.
.PHONY: test-csi
test-csi: ## test the local storage driver (as root: on a real XFS pool, with csi-sanity)
	@nice local/csi/test.sh
