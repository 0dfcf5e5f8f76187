# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every target sets up what it needs first.  EXTRA goes to ansible-playbook: make lab EXTRA="-e lab_mem=64".

SHELL := /bin/bash
export LC_ALL := C.UTF-8
# By its full name, because Ansible ignores an ansible.cfg in a directory that everyone may write to.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
EXTRA ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-test lab clean-lab kernel exec attach map setup-map test test-all test-union test-kernel test-strongswan test-security test-soak test-map lint sanity unit browser integration test-hosts e2e bench build docs clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what the controller needs: packages that are missing, .venv, .collections
	@scripts/setup.sh

lab: setup ## Build the sample lab: two guests on a bridge that ping each other (EXTRA="-e lab_mem=64")
	@.venv/bin/ansible-playbook playbooks/lab.yml $(EXTRA)

clean-lab: setup ## Take the lab away again, keep kernels and masters
	@.venv/bin/ansible-playbook playbooks/teardown.yml $(EXTRA)

kernel: setup ## Build the tuned kernel, minutes the first time, and make it the default (EXTRA="-e kernel_fragments=my.config")
	@.venv/bin/ansible-playbook playbooks/kernel.yml $(EXTRA)

exec: setup ## Run a command in a guest: GUEST=alice RUN="ip route"; more by scripts/dumm
	@scripts/dumm exec $(or $(GUEST),$(error say which guest: make exec GUEST=alice RUN="ip route")) "$${RUN:?say what to run: make exec GUEST=alice RUN='ip route'}"

attach: setup ## Give a terminal in a guest: GUEST=alice; CONSOLE=0 for what its kernel says
	@DUMM_PYTHON=.venv/bin/python scripts/dumm-attach $(if $(CONSOLE),--console) $(or $(GUEST),$(error say which guest: make attach GUEST=alice))

map: setup-map ## Show the live lab in a browser, and change it there: prints the address (EXTRA="--port 0")
	@scripts/dumm map $(EXTRA)

setup-map:
	@scripts/setup.sh map

setup-test:
	@scripts/setup.sh test

test: setup-test ## Run lint, sanity, unit, browser, story, integration, hosts, e2e and security: what CI runs
	@scripts/test.sh lint sanity unit browser story integration hosts e2e security

test-all: setup-test ## Run all of "make test" and what takes hours: Molecule and other tools, examples, kernel, strongSwan, union, and Debian 13 with the newest Ansible
	@scripts/test.sh lint docs sanity unit browser map integration-long hosts-long e2e security debian13 ecosystem examples kernel strongswan union

lint: setup-test ## Run ansible-lint, ruff, yamllint, antsibull, mypy and our list of words
	@scripts/test.sh lint

sanity: setup-test ## Run ansible-test sanity
	@scripts/test.sh sanity

unit: setup-test ## Run the unit tests with few examples (seconds, no guest)
	@EXAMPLES=$(or $(EXAMPLES),few) scripts/test.sh unit

browser: setup-test ## Look at pages of test results in chromium (seconds)
	@scripts/test.sh browser

test-map: setup-test ## Look at the map in chromium, on real guests; screenshots in tests/output/map (minutes)
	@scripts/test.sh map

integration: setup-test ## Run the tests on real guests (minutes)
	@scripts/test.sh integration

test-hosts: setup-test ## Run labs over three lab hosts, which are machines in namespaces (minutes)
	@scripts/test.sh hosts-long

e2e: setup-test ## Run the installed collection as users do: every option by a playbook (minutes)
	@scripts/test.sh e2e

test-kernel: setup-test ## Build the tuned kernel if need be and try out all that it promises
	@scripts/test.sh kernel

test-strongswan: setup-test ## Run the recommended tests of strongSwan's own suite on eight guests (minutes)
	@scripts/test.sh strongswan

test-security: setup-test ## Attack the host from inside of guests (two minutes)
	@scripts/test.sh security

test-soak: setup-test ## Try to break it for SOAK_MINUTES=10: attacks, bad files, damage, kills (SOAK_SEED, SOAK_PARTS)
	@scripts/soak.sh

test-union: setup-test ## Compare the union engines at length, side by side (half an hour)
	@scripts/test.sh union

bench: setup-test ## Measure labs of 1 to 150 guests beside bare kernels and Mininet (BENCH_SIZES=1,10)
	@scripts/bench.sh

build: setup-map ## Build the collection's tarball, the wheel of the companion package and dumm(1) in build/
	@.venv/bin/ansible-galaxy collection build --force --output-path build
	@.venv/bin/python -m pip --disable-pip-version-check -q wheel --no-deps --wheel-dir build ./python
	@scripts/dumm completion man >build/dumm.1

docs: setup-test ## Build the documentation as HTML in build/docs/html, and check its links and words
	@scripts/setup.sh docs
	@scripts/docs.sh

clean: ## Remove .venv, .collections, build and all caches; labs are left alone
	rm -rf python/dumm_lab/map/node_modules python/dumm_lab/map/page/vendor
	rm -rf .venv .collections .ansible build .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
