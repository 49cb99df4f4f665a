.PHONY: crd test-rust
crd: ## write the generated CRD to crds/
	cargo run --quiet --locked -- crd > crds/postgresclusters.yaml

test-rust:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked
