.PHONY: crd test-rust
crd: ## write the generated definitions to crds/, and the chart's copies of them
	cargo build --quiet --locked
	for name in postgresclusters postgresbackups; do \
	  cargo run --quiet --locked -- crd $$name > crds/$$name.yaml && cp crds/$$name.yaml charts/stylobate/files/ || exit 1; done

test-rust:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked
