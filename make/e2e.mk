# The end-to-end ring on the local cluster, or on the one that STYLOBATE_KUBECONFIG names.
.PHONY: test-e2e
test-e2e: ## the operator end to end, one line for each promise; E2E="NAME..." runs some, LANES=1 one group at a time
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@tests/e2e/run.sh $(E2E)

.PHONY: test-admission
test-admission: ## what the API server refuses by the definition that the chart installs
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@local/install.sh
	@source local/.state/env && PATH="$$STYLOBATE_BIN:$$PATH" cargo test --locked --test admission -- --ignored
