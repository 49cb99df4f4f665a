# The tested release may be there under another name alone; then everything that make starts takes that one.
ifneq ($(wildcard rust-toolchain.toml),)
TOOLCHAIN := $(shell make/toolchain.sh)
ifneq ($(TOOLCHAIN),)
export RUSTUP_TOOLCHAIN := $(TOOLCHAIN)
endif
endif

.PHONY: crd docs test-rust deny
crd: ## write the generated definitions to crds/, and the chart's copies of them
	cargo build --quiet --locked
	for name in postgresclusters postgresbackups; do \
	  cargo run --quiet --locked -- crd $$name > crds/$$name.yaml && cp crds/$$name.yaml charts/stylobate/files/ || exit 1; done

docs: crd ## write docs/reference/ and crds/ from the code
	cargo build --quiet --locked
	set -e; for page in $$(cargo run --quiet --locked -- reference); do \
	  cargo run --quiet --locked -- reference $$page > docs/reference/$$page.new && mv docs/reference/$$page.new docs/reference/$$page.md; done

test-rust: ## format, lints, documentation, dependencies, all tests of Rust
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps
	make/deny.sh
	cargo test --locked --workspace

deny: ## check dependencies, and their known faults, which fail here
	make/deny.sh strict
