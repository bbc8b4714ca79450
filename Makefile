# GNU make 3.81 and a POSIX shell suffice. `make help` lists the targets.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS ?= audio,wavpack,numeric,more,dev

# What a user says reaches the programs through the environment, letter for letter: neither make nor a shell reads it.
SAID := CODEC CODECS COUNT DATA EXTRAS JOBS KERNELS LIB MUTANTS ONLY PREFIX PYTHON RESULTS RUNS SEED WIRE
$(foreach name,$(SAID) SECONDS,$(if $(filter undefined,$(origin $(name))),,$(eval override $(name) := $$(value $(name)))))
export $(SAID)

SOURCES := tools/install.sh pyproject.toml constraints.txt CMakeLists.txt $(wildcard n1codec/__init__.py n1codec/*/__init__.py n1codec/*/*/__init__.py) $(wildcard native/CMakeLists.txt native/*/*.[ch] native/*/*/*.[ch])

# The programs that pip puts into $(BIN) name it in their first line, which cannot hold every path.
RUN := $(BIN)/python -m

# n1enc and n1dec need a C compiler, nothing else; CMake builds them too, with -DN1C_TOOLS=ON.
NATIVE ?= .
NATIVE_SOURCES := native/tools/container.c native/tools/files.c \
	$(addprefix native/src/,crc32.c n1.c n1_model.c n1_lanes.c n1_avx2.c n1_tables.c n1_steps.c)
NATIVE_FLAGS := -std=c99 -O2 -DN1C_SMALL -ffp-contract=off -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
UNUSED := -Wl,--gc-sections,-z,noseparate-code
ifeq ($(shell uname),Darwin)
UNUSED := -Wl,-dead_strip
endif

.PHONY: help install environments native wasm eval grid plot report view bases sorting bench data list docs test test-all fuzz \
	mutants lint format wheels rtl rtl-stat rtl-energy clean distclean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  CODEC=zstd      the codec of make eval          CODECS='a b'   the codecs of make grid (all)"
	@echo "  DATA=folder     the recordings                  RESULTS=dir    the folder of results (results)"
	@echo "  JOBS=2          processes (grid: 1, so that times are comparable)"
	@echo "  PYTHON=python3  what make install sets .venv up with, with the libraries of EXTRAS=$(EXTRAS)"

INSTALL := sh tools/install.sh $(VENV) $(STAMP)

install: $(STAMP) encode decode ## set up .venv with pinned versions and build the C kernels
	@[ "`cat $(STAMP)`" = "$$EXTRAS" ] || $(INSTALL)

# It holds the extras that are installed: what was missing is tried again by `make install`, and by nothing else.
$(STAMP): $(SOURCES)
	@$(INSTALL)

environments: $(STAMP) ## set up build/environments, for libraries that cannot stand in one with ours
	@$(BIN)/python tools/environments.py

# A link that is there is left alone, so that a checkout that cannot be written to works, too.
encode decode: | $(STAMP) ## link the executable
	@ln -sf $@.py $@

native: $(NATIVE)/n1enc $(NATIVE)/n1dec ## build ./n1enc and ./n1dec, the codec n1 without Python

$(NATIVE)/n1enc $(NATIVE)/n1dec: $(wildcard native/*/*.[ch] native/*/*/*.[ch])
	@$(CC) $(NATIVE_FLAGS) -Inative/include -Inative/src native/tools/$(@F).c $(NATIVE_SOURCES) $(UNUSED) -o $@ && strip $@

# The time of the file that is built last counts.
wasm: js/n1c_max.wasm ## build the decoder of js/, the package for browsers and Node, with emcc

js/n1c_max.wasm: tools/wasm.sh LICENSE NOTICE $(wildcard native/include/*.h native/include/*/*.h native/src/*.[ch] native/file/*.[ch] native/wasm/*.c)
	@sh tools/wasm.sh

install-lib: ## install libn1c for programs in C and C++: make install-lib PREFIX=/usr/local
	@cmake -S . -B build/lib -DN1C_INSTALL=ON -DCMAKE_INSTALL_LIBDIR=lib >/dev/null
	@cmake --build build/lib --config Release
	@cmake --install build/lib --config Release --prefix "$${PREFIX:-/usr/local}"

eval: $(STAMP) encode decode ## run one codec over all WAV files: make eval CODEC=zstd DATA=path/to/wavs
	@bash eval.sh

grid: $(STAMP) encode decode ## sweep every codec over all WAV files; an interrupted sweep goes on
	@bash grid_search.sh

plot: $(STAMP) ## draw the newest results
	@$(RUN) n1codec plot $(if $(RESULTS),--results "$$RESULTS")

report: $(STAMP) ## write the newest results as one HTML page: make report DATA=path/to/wavs
	@$(RUN) n1codec report $(if $(RESULTS),--results "$$RESULTS") $(if $(DATA),--data "$$DATA")

view: $(STAMP) ## look at recordings in the browser
	@$(BIN)/python -c 'import flask' 2>/dev/null || EXTRAS="$$EXTRAS,viewer" $(INSTALL)
	@$(RUN) n1codec view $(if $(RESULTS),--results "$$RESULTS") $(if $(DATA),-- "$$DATA")

bench: $(STAMP) ## time our own kernels, and what trained codecs reach on unseen files
	@$(RUN) n1codec bench --unseen $(if $(DATA),--data "$$DATA")
	@$(BIN)/python tools/bench_store.py

bases: $(STAMP) ## compare bases by rate and distortion: make bases DATA=path/to/wavs
	@$(BIN)/python -c 'import pywt, sklearn, imagecodecs' 2>/dev/null || EXTRAS="$$EXTRAS,lossy" $(INSTALL)
	@$(RUN) n1codec bases --trained --peers $(if $(DATA),--data "$$DATA")

sorting: $(STAMP) ## set up build/environments/sorting, in which n1codec quality sorts spikes
	@$(BIN)/python tools/environments.py sorting

data: $(STAMP) ## download the public recordings and verify them
	@$(RUN) n1codec data fetch

list: $(STAMP) ## show every codec, filter and alias
	@$(RUN) n1codec list

docs: $(STAMP) ## build the documentation as a site: build/docs/index.html
	@$(BIN)/python -c 'import sphinx, furo, myst_parser' 2>/dev/null || EXTRAS="$$EXTRAS,docs" $(INSTALL)
	@$(RUN) sphinx --quiet --fail-on-warning --keep-going --doctree-dir build/doctrees docs build/docs

test: $(STAMP) encode decode ## run the quick tests
	@$(RUN) pytest -m "not slow" -n auto --dist worksteal

test-all: $(STAMP) encode decode ## run every test
	@$(RUN) pytest -n auto --dist worksteal

# bash counts the seconds since its start in the variable SECONDS.
fuzz: export LIMIT = $(SECONDS)
fuzz: $(STAMP) ## fuzz every decoder under sanitizers: KERNELS="n1 rice" RUNS=10000000 SECONDS=60 JOBS=2
	@$(BIN)/python tools/fuzz.py $(if $(RUNS),--runs "$$RUNS") $(if $(SECONDS),--seconds "$$LIMIT") \
		$(if $(JOBS),--jobs "$$JOBS") --kernels "$$KERNELS"

mutants: $(STAMP) ## break one line at a time, show what no test notices: COUNT=200 SEED=0 JOBS=2 ONLY=n1codec/bench
	@$(RUN) tools.mutants $(if $(COUNT),--count "$$COUNT") $(if $(SEED),--seed "$$SEED") $(if $(JOBS),--jobs "$$JOBS") \
		$(if $(ONLY),--only "$$ONLY") $$MUTANTS

rtl: $(STAMP) ## test the hardware of n1_implant: rtl/README.md says what that needs
	@$(BIN)/python -c 'import cocotb' 2>/dev/null || EXTRAS="$$EXTRAS,rtl" $(INSTALL)
	@$(RUN) pytest -q -m "not slow" -n auto --dist worksteal rtl/tests

rtl-stat: $(STAMP) ## count the hardware's gates, flip-flops and what an ECP5 needs
	@$(BIN)/python tools/rtl_stat.py

rtl-energy: $(STAMP) ## energy of the hardware's gates: make rtl-energy LIB="cells.lib.gz ..." DATA=path/to/wavs
	@$(RUN) tools.energy $$LIB $(if $(DATA),--data "$$DATA") $(if $(WIRE),--wire "$$WIRE")

lint: $(STAMP) ## ruff and mypy
	@$(RUN) ruff check . && $(RUN) ruff format --check . && $(RUN) mypy

format: $(STAMP) ## let ruff format the code
	@$(RUN) ruff check --fix -q . ; $(RUN) ruff format .

wheels: $(STAMP) ## build the wheels of all systems into dist/
	@$(BIN)/python -c 'import build, wheel, ziglang' 2>/dev/null || EXTRAS="$$EXTRAS,wheels" $(INSTALL)
	@$(BIN)/python tools/wheels.py

clean: ## remove what was built, keep .venv, data and results
	@rm -rf build dist encode decode n1enc n1dec js/*.wasm js/LICENSE js/NOTICE .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## remove .venv too
	@rm -rf $(VENV)
