.PHONY: test
test: test-csi test-rust ## everything: format, lints, unit tests, storage driver
