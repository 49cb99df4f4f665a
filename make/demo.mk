.PHONY: demo binary
demo: ## the whole tour: cluster, operator, three members, load, two kills
	@local/up.sh
	@$(MAKE) binary
	@images/build.sh
	@images/load.sh
	@local/demo.sh

binary: ## the release binary, put where the operator's image takes it
	cargo build --release --locked
	@cmp -s "$${CARGO_TARGET_DIR:-target}/release/stylobate" images/operator/stylobate || \
	  install -m 755 "$${CARGO_TARGET_DIR:-target}/release/stylobate" images/operator/stylobate
