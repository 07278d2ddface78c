# The targets do all the set-up themselves; `make demo` and `make test` are the two to begin with.
# MUSIC=~/Music make demo    uses that folder instead of the music that the demo composes.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# What `make bench-quality` measures: a table for each set of soundtracks. YAMNET=FILE names
# yamnet.tflite, so that YAMNet is among the systems.
PACKAGES ?= more-validate held-out

# What is run on PostgreSQL as well; postgresql_commands has the processes. What draws or trains says nothing new there.
LIBRARY_TESTS := $(addprefix tests/test_,$(addsuffix .py,$(strip \
	postgresql postgresql_commands postgresql_servers forget judgements library library_facets library_index library_view limits linking listens \
	listing matching pieces places playlist_entries scan scan_fast scan_folders scan_property scan_tags \
	taste_lists upgrade upgrade_property)))

# The tests start hundreds of processes: without bytecode each of them compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-page test-ray test-remote test-endurance test-pythons fuzz lint format bench bench-library bench-server bench-endurance bench-quality named-music clean test-postgresql test-mpd test-plugin

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | \
		while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { echo "needs Python 3.11 or later with venv: apt-get install python3 python3-venv"; exit 1; }

$(STAMP)-demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[plots,server]'
	@touch $@

$(STAMP)-test: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[plots,postgresql,research,server,test]'
	@touch $@ $(STAMP)-demo

demo: $(STAMP)-demo ## scan a music folder (MUSIC=...) or composed music, show neighbours and how to open the page
	@$(BIN)/python examples/demo.py $(if $(MUSIC),"$(MUSIC)")

$(STAMP)-many: $(STAMP)-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[ray,remote,many]'
	@touch $@

test: lint ## run every check, and every test but those of the other targets
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not page and not slow and not endurance and not ray and not remote and not postgresql and not mpd and not plugin"

test-slow: $(STAMP)-test ## run what takes long: more cases, long files, whole experiments, the wheel
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "slow and not page and not plugin"

test-page: $(STAMP)-test ## test the page in Chromium (Debian: apt-get install chromium)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m page tests

test-ray: $(STAMP)-many ## test scans on a Ray cluster of two nodes, which is started for it
	$(BIN)/python -m pytest -m ray tests/test_ray.py

test-remote: $(STAMP)-many ## test music on S3, HTTP and SFTP servers, which are started for it
	$(BIN)/python -m pytest -n 2 --dist worksteal -m remote tests/test_remote.py

test-mpd: $(STAMP)-test ## test the client of MPD with MPD (Debian: apt-get install mpd)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m mpd tests

test-plugin: $(STAMP)-test ## build the plugin of Navidrome, and run it
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[navidrome]'
	$(BIN)/python -m pytest -n 0 -m plugin tests

test-endurance: $(STAMP)-test ## kill scans, fill a disk (as root), disturb and damage files, for some minutes
	$(BIN)/python -m pytest -n 2 --dist worksteal -m endurance tests

test-postgresql: $(STAMP)-test ## run the library tests on a PostgreSQL server, which comes with the tests
	SOUNDALIKE_TEST_LIBRARY=postgresql $(BIN)/python -m pytest -n 2 --dist worksteal \
		-m "not page and not slow and not endurance and not file" $(LIBRARY_TESTS)

test-pythons: ## try the wheel on every Python from 3.11 up, with the newest and the lowest dependencies
	@$(PYTHON) tests/pythons.py

fuzz: $(STAMP)-test ## ask the server what its API allows, and what it does not, at random
	SOUNDALIKE_FUZZ=200 $(BIN)/python -m pytest -q tests/test_server_openapi.py

lint: $(STAMP)-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)-test ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)-test ## time the analysis of a track in five formats beside decoding, and searches of 10,000 tracks
	$(BIN)/python -m benchmarks.analysis --rounds 1
	$(BIN)/python -m benchmarks.search --tracks 10000

bench-library: $(STAMP)-test ## time the answers of a library of 10,000 and of 100,000 tracks
	$(BIN)/python -m benchmarks.library --keep build/benchmark-library --out build/benchmark-library/figures.json

bench-server: $(STAMP)-test ## time the server's answers over libraries of 10,000 and of 100,000 tracks
	$(BIN)/python -m benchmarks.server --keep build/benchmark-server --out build/benchmark-server/figures.json

bench-endurance: named-music $(STAMP)-test ## what test-endurance does, with real music, 20,000 files and 20,000 damaged ones (MUSIC=folder)
	for what in kill disk files two cache soak fuzz; do \
		$(BIN)/python -m benchmarks.endurance $$what "$(MUSIC)" --out build/benchmark-endurance/$$what.json || exit 1; \
	done

bench-quality: named-music $(STAMP)-test ## compare neighbours with other programs (MUSIC=folder of the soundtracks)
	-$(BIN)/soundalike models pull musicnn
	$(if $(YAMNET),-$(BIN)/soundalike models pull yamnet --file "$(YAMNET)")
	$(BIN)/python -m benchmarks.quality "$(MUSIC)" --packages $(PACKAGES) --out build/benchmark-quality/figures.json

named-music:
	@test -n "$(MUSIC)" || { echo "MUSIC=DIR names the folder of the soundtracks. To download them: make test, then $(BIN)/python -m benchmarks.soundtracks DIR $(PACKAGES)"; exit 1; }

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache
