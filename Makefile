# Everything here sets itself up: python3 >= 3.11 and make are all a machine needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
GPU := .venv-gpu

.PHONY: help demo test test-slow lint docs pictures paper bench gpu-check wheel lock clean

help:
	@echo "make demo       a virtual ZUMA-1 trial: table, datasets and picture in demo/"
	@echo "make test       all tests but the slow ones (OPTIMIZED=1: programs compiled as users have them)"
	@echo "make test-slow  the slow ones"
	@echo "make lint       style, types, layers"
	@echo "make docs       the documentation, in docs/_build/html"
	@echo "make pictures   the pictures of README and first page anew: docs/images"
	@echo "make paper      the paper's figures anew, and docs/paper.md"
	@echo "make bench      speed, memory, peers: bench/results and docs/performance.md"
	@echo "make gpu-check  all programs compiled for GPUs that are not there: bench/results"
	@echo "make wheel      wheel and source archive, checked, and tried in an environment of its own: dist/"
	@echo "make lock       pin the newest dependencies in requirements.lock"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "vcohort needs Python 3.11 or newer. Name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	$(BIN)/vcohort demo --output demo --force

# Most of a test's time is compiling, and here the quick way of it; OPTIMIZED=1: as users have it.
test: $(READY)
	JAX_DISABLE_MOST_OPTIMIZATIONS=$(if $(OPTIMIZED),0,1) $(BIN)/pytest -m "not slow" --numprocesses 2

test-slow: $(READY)
	$(BIN)/pytest -m slow --numprocesses 2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

pictures: demo
	cp demo/virtual-zuma1.png docs/images
	$(BIN)/python docs/make_pictures.py

docs: $(READY)
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build/html

paper: $(READY)
	$(BIN)/python experiments/paper.py --patients 10000 --out results

# cubie and modax are not in the extra, and may fail to install: they need an NVIDIA GPU; each brings a
# module numba_cuda_mlir of its own (modax imports with cubie's, so that one stays); what modax
# differentiates with has wheels for glibc 2.38 and later alone. The page says what did not run.
bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	  --editable ".[bench]"
	command -v nvidia-smi > /dev/null && { \
	  $(BIN)/python -m pip install --quiet -c requirements.lock modax-solvers; \
	  $(BIN)/python -m pip uninstall --quiet --yes numba-cuda-mlir; \
	  $(BIN)/python -m pip install --quiet -c requirements.lock "cubie[cuda13]"; } || true
	$(BIN)/python -m bench.compare
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.small
	$(BIN)/python -m bench.sweep
	$(BIN)/python -m bench.sampling
	$(BIN)/python -m bench.cells
	$(BIN)/python -m bench.populations
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench.commands
	$(BIN)/python -m bench.explore
	$(BIN)/python -m bench.page

$(GPU)/.ready: requirements.lock bench/gpu-requirements.txt pyproject.toml
	$(PYTHON) -m venv $(GPU)
	$(GPU)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(GPU)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  -r bench/gpu-requirements.txt
	$(GPU)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	@touch $@

gpu-check: $(GPU)/.ready
	$(GPU)/bin/python -m bench.gpu_compile

# The wheel is built from the source archive, so that both are known to be whole.
wheel: $(READY)
	rm -rf dist && $(BIN)/python -m hatchling build --directory dist --target sdist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --wheel-dir dist dist/*.tar.gz
	$(PYTHON) -m venv dist/trial
	dist/trial/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint requirements.lock dist/*.whl
	cd dist && trial/bin/vcohort demo --patients 100 --output trial/demo
	dist/trial/bin/python -m pip install --quiet --disable-pip-version-check twine
	dist/trial/bin/twine check --strict dist/*.tar.gz dist/*.whl

lock:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --no-header --upgrade --output-file requirements.lock

clean:
	rm -rf $(VENV) $(GPU) dist demo results docs/_build
