# Real drivers through the pooler.
.PHONY: test-drivers
test-drivers: ## psycopg, asyncpg, pgjdbc, pgx, node-postgres and tokio-postgres through the pooler; KINDS="pgpool pgbouncer primary" chooses
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@local/install.sh
	@tests/drivers/run.sh $(KINDS)
