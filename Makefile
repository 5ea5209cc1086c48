# Loa Làng. `make demo` and `make test` are all a newcomer needs; both install what is missing through `make setup`.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GOLD ?= ../shared/normalization/dev.tsv

APT_RUN := python3-venv mosquitto espeak-ng ffmpeg fonts-dejavu-core libportaudio2 libasound2-plugins libvlc5 vlc-plugin-base tesseract-ocr tesseract-ocr-vie
APT_TEST := snapserver snapclient fonts-freefont-ttf pulseaudio pulseaudio-utils chromium libnss3-tools iproute2 iptables icecast2
APT := $(APT_RUN) $(APT_TEST)

.PHONY: help setup apt demo test check format texts screenshots images clean constraints bench-normalize bench-speech bench-planner bench-crash bench-load bench-emergency bench-sync bench-pages bench-return node-wheels

help:
	@echo 'make demo    a commune on this machine, speaking (Ctrl-C ends it)'
	@echo 'make test    every check and every test'
	@echo 'make setup   only install what these two need'
	@echo 'make check   ruff, format, mypy, import-linter'
	@echo 'make images  container images of the server and of the node'

# --- set-up: each step is skipped when what it makes is there and newer than what it reads ---

setup: apt $(VENV)/.installed web/static/vendor/.copied

apt:
	@missing=''; for p in $(APT); do \
	  dpkg-query -W -f='$${Status}' "$$p" 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=''; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "Installing Debian packages:$$missing"; \
	  $$sudo apt-get update -q && \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; fi

$(VENV)/bin/python: | apt
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

web/static/vendor/.copied: node_modules/.installed | $(VENV)/.installed
	$(BIN)/python -m web.vendor
	@touch $@

# --- the two commands ---

demo: setup
	@$(BIN)/loalang demo

# What fails is tried once more, and told with its first failure (docs/decisions/094-second-try.md).
test: setup check
	$(BIN)/pytest --reruns 1

# --- checks ---

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

constraints:
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --disable-pip-version-check -e '.[dev]'
	{ echo "# Exact versions of everything, from \`make constraints\`."; \
	  build/constraints/bin/python -m pip freeze --exclude-editable | LC_ALL=C sort -f; } > constraints.txt

# The texts of the screens: what the sources say, into the catalogue; then translate what has no English yet.
texts: setup
	$(BIN)/python -m web.text_sources

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --- benchmarks: raw evidence in bench-out/, one JSON line at the end ---

bench-normalize: setup
	@GOLD=$(GOLD) $(BIN)/python -m tests.bench.bench_normalize

bench-speech: setup
	@$(BIN)/python -m tests.bench.bench_speech

bench-load: setup
	@$(BIN)/python -m tests.bench.bench_load $(LOAD)

bench-emergency: setup
	@$(BIN)/python -m tests.bench.bench_emergency $(if $(NODES),--nodes $(NODES)) $(LOAD)

bench-planner: setup
	@$(BIN)/python -m tests.bench.bench_planner

bench-sync: setup
	@$(BIN)/python -m tests.bench.bench_sync $(SYNC)

bench-pages: setup
	@$(BIN)/python -m tests.bench.bench_pages $(PAGES)

bench-return: setup
	@unshare --net sh -c 'ip link set dev lo up && $(BIN)/pytest -q -s tests/players/node/bench_return.py'

screenshots: setup
	@$(BIN)/python -m tests.screenshots

node-wheels: setup
	@$(BIN)/python -m tests.bench.node_wheels

bench-crash: setup
	@$(BIN)/python -m tests.crash --runs 200 --communes 6

images: setup
	docker/build-images

clean:
	rm -rf build dist bench-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
