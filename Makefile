# Everything a developer or a build machine runs. `make` alone lists it.
LAB := vmm-testkit/lab/lab
CLIENTS := vmm-http/tests/clients/tools
CONSOLE := vmm-http/console/check
CARGO_TEST_FLAGS ?=
# A new version takes a new place.
DENY := target/tools/cargo-deny-0.20.2

.PHONY: help packages bench-packages check console deny features clients lab-up lab-down images test fuzz-api demo bench load dist doc clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

packages: ## install the Debian packages that build, tests and lab need
	@$(LAB) packages

bench-packages: packages ## install the programs that `make bench` measures against
	@$(LAB) bench-packages

check: packages console ## format, lints, documentation, shell scripts, the specification
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features
	$(CLIENTS) lint
	shellcheck -x $(CLIENTS) $(CONSOLE) $(LAB) vmm-testkit/lab/recipes/*/build vmm-testkit/lab/hidden-headers

console: packages ## the console: types, tests, and that dist/ is what its sources make
	$(CONSOLE)

deny: packages ## licences and sources of all dependencies, by deny.toml
	@test -x $(DENY)/bin/cargo-deny || { python3 -m venv $(DENY) && \
	  $(DENY)/bin/pip install --quiet --require-hashes --only-binary :all: -r vmm-testkit/deny/requirements.txt; }
	cargo fetch --locked
	$(DENY)/bin/cargo-deny --offline check --hide-inclusion-graph bans licenses sources

features: packages ## each feature alone, and the core where libvirt's and OpenSSL's headers are hidden
	cargo check -p vmm-core --no-default-features
	for feature in sqlite libvirt ssh mock; do cargo check -p vmm-core --no-default-features --features $$feature || exit 1; done
	cargo check -p vmm-http --no-default-features
	cargo check -p vmm-bot --no-default-features
	vmm-testkit/lab/hidden-headers cargo check -p vmm-core --target-dir target/hidden-headers

clients: packages ## install the tools that the clients' tests need, and generate and build the clients
	$(CLIENTS) warm

images: packages ## build the guest images of the lab, unless they are there
	$(LAB) image tiny >/dev/null
	$(LAB) image debian >/dev/null

lab-up: packages ## start a libvirt of our own in a network namespace
	$(LAB) up

lab-down: ## stop it and clean up
	$(LAB) down

# The lab has a network of its own, without a way out: all that is fetched must be there before.
test: check deny features images clients ## every check and every test, against a real libvirt
	cargo test --workspace --all-features --no-run
	vmm-testkit/lab/with cargo test --workspace --all-features $(CARGO_TEST_FLAGS)
	$(MAKE) demo

fuzz-api: clients ## the API against its specification, with VMM_FUZZ_EXAMPLES (1000) of each operation
	VMM_FUZZ_EXAMPLES=$${VMM_FUZZ_EXAMPLES:-1000} cargo test -p vmm-http --all-features --test it fuzz::

demo: images ## the main job, for real: from a CSV to two running machines and a command on each
	@echo "==> Building vmm-http and the demo (the first build takes about five minutes on two cores)"
	cargo build -p vmm-http -p vmm-examples --bin vmm-http --example demo
	@echo "==> Starting a libvirt of our own in the network namespace $${VMM_LAB_NAME:-vmm-lab}"
	@vmm-testkit/lab/with $${CARGO_TARGET_DIR:-target}/debug/examples/demo

bench: images bench-packages ## figures, in turns with peers where there are any
	cargo build --release -p vmm-examples --example bench
	vmm-testkit/lab/with target/release/examples/bench

load: ## a hostile crowd on loopback, and what it costs the server, in the lab
	cargo build --release -p vmm-http -p vmm-examples --bin vmm-http --example load
	vmm-testkit/lab/with target/release/examples/load

dist: packages ## the two programs as they are shipped, in target/dist
	cargo build --profile dist -p vmm-http -p vmm-bot

doc: ## the documentation of all crates, in target/doc
	cargo doc --workspace --no-deps --all-features

clean: lab-down ## stop the lab and remove everything that was built
	cargo clean
