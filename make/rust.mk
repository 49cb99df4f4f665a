.PHONY: crd test-rust
crd: ## write the generated CRD to crds/, and the chart's copy of it
	cargo run --quiet --locked -- crd > crds/postgresclusters.yaml
	cp crds/postgresclusters.yaml charts/stylobate/files/

test-rust:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked
