# What a developer does daily; `make help` lists it.
SHELL := /bin/bash
PYTEST := .venv/bin/python -m pytest

# A locale that every system has, whatever the caller's is.
override export LC_ALL := C.UTF-8
override export LANG := C.UTF-8
unexport LANGUAGE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo format readmes public-suffixes lint sanity unit integration molecule test test-long test-all test-busy soak soak-slice \
	fresh release-check benchmarks clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | expand -t 14

setup: ## make .venv, install nftables if missing, make the checkout known as egress.allowlist
	@scripts/setup.sh

setup-dev: ## the same, with what lint and tests need
	@scripts/setup.sh dev

demo: setup ## KUDO's allowlist with policy deny in a throw-away network namespace, with real packets
	@scripts/demo.sh

format: setup-dev ## lay out the Python code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

readmes: setup-dev ## write the README of each role from its argument spec
	.venv/bin/python scripts/role_readmes.py

public-suffixes: setup-dev ## renew the list of public suffixes from the one of publicsuffix.org: FROM=public_suffix_list.dat
	.venv/bin/python scripts/public_suffixes.py $(FROM)

lint: setup-dev ## ruff, mypy, yamllint, ansible-lint (profile production)
	@scripts/lint.sh

sanity: setup-dev ## ansible-test sanity, and the documentation of every plugin and role
	@scripts/sanity.sh

unit: setup-dev ## unit and property tests
	$(PYTEST) tests/unit

integration: setup-dev ## nftables, ufw and firewalld in network namespaces: packets, faults, playbooks; clouds on loopback
	@scripts/with_root.sh $(PYTEST) -n 5 --dist worksteal --durations 30 tests/integration

molecule: ## roles in containers with systemd, nftables, ufw, firewalld and names; each with its second run and a restart
	@scripts/setup.sh molecule
	@scripts/molecule.sh short

test: setup-dev ## lint, unit, integration and molecule; about twelve minutes on 2 cores
	@scripts/checks.sh lint+unit+molecule+integration

test-long: setup-dev ## what `make test` leaves out, and the matrix of ansible-core and Python; about an hour on 2 cores
	@scripts/checks.sh sanity+unit-long+integration-long+molecule-long matrix

test-all: ## test and test-long
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-long

test-busy: setup-dev ## test beside eight processes that do nothing but compute: slow, and as green
	@for one in 1 2 3 4 5 6 7 8; do ( while :; do :; done ) & done; trap 'kill $$(jobs -p)' EXIT; $(MAKE) --no-print-directory test

soak: setup-dev ## the tests that choose at random, with new choices: MINUTES=60 SEED= ONLY="--only aws" RESTART=--restart
	@scripts/with_root.sh .venv/bin/python scripts/soak.py --minutes $(or $(MINUTES),60) $(addprefix --seed ,$(SEED)) $(ONLY) $(RESTART)

soak-slice: setup-dev ## a small block of each kind of soak with a new seed, 3 minutes at most
	@scripts/with_root.sh .venv/bin/python scripts/soak.py --slice

release-check: setup-dev ## build the tarball, install and use it, run galaxy-importer, list what its publisher must fill in
	@scripts/release_check.sh

fresh: ## make demo and make unit lint on a minimal Debian 12, Debian 13 and Ubuntu 24.04, as a newcomer has it
	@for suite in bookworm trixie noble; do scripts/fresh.sh $$suite demo unit lint || exit 1; done

benchmarks: setup-dev ## measure against iprange, netaddr, an empty play, loops over single rules, and no firewall
	@.venv/bin/python -c 'import matplotlib' 2>/dev/null || \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/benchmarks.txt </dev/null
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; .venv/bin/python "$$file" || exit 1; done

clean: ## remove what the targets made in the checkout (the cache outside it stays: ~/.cache/egress-allowlist)
	rm -rf .venv .venvs .collections .cache .ansible .pytest_cache .hypothesis .mypy_cache .ruff_cache tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Parts of test-long.
.PHONY: unit-long integration-long molecule-long matrix
unit-long: setup-dev
	HYPOTHESIS_PROFILE=long $(PYTEST) -m hypothesis tests/unit/plugin_utils/allowlist/test_merge_properties.py

integration-long: setup-dev
	@LONG_RUNS=1 scripts/with_root.sh $(PYTEST) -n 4 --dist worksteal --durations 30 tests/integration

molecule-long:
	@scripts/setup.sh molecule
	@scripts/molecule.sh more

matrix: setup-dev
	@scripts/matrix.sh
