# Two commands matter: `make lab` and `make test`. Both work on a fresh machine with Python 3.11 or newer.
SHELL  := /bin/bash
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DESK   := $(VENV)/.desk
# A user's own settings must not change what is tested (see tests/conftest.py for the same list).
CLEAN  := env -u CONTAINERS_CONF -u CONTAINERS_REGISTRIES_CONF -u CONTAINERS_STORAGE_CONF -u REGISTRY_AUTH_FILE \
	-u XDG_CONFIG_HOME -u XDG_CACHE_HOME -u XDG_DATA_HOME -u XDG_RUNTIME_DIR -u PYTHONDONTWRITEBYTECODE \
	-u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY -u no_proxy -u NO_PROXY -u all_proxy -u ALL_PROXY
# More options for JupyterLab, such as LAB_ARGS="--no-browser --port=8890". It refuses root unless told, and root is
# usual inside a container; it listens on loopback only.
LAB_ARGS ?=
AS_ROOT  := $(if $(filter 0,$(shell id -u)),--allow-root)
OTHER_PYTHON ?= python3.13
# JupyterLite needs Python 3.12 or newer, and npm brings Python for the browser.
WEB_PYTHON ?= $(firstword $(foreach each,python3.13 python3.12 python3.14 $(PYTHON) $(wildcard $(HOME)/.pyenv/versions/3.1[2-9]*/bin/python),$(if $(shell $(each) -c 'import sys; print(sys.version_info >= (3, 12) or "")' 2>/dev/null),$(each))))
# Which notebooks are run; one file is quicker while it is being written.
NOTEBOOKS ?= notebooks
# Many tests wait for programs, so one worker more than there are cores, and two more for chapters, which wait half of
# their time. A file's tests stay together.
CORES   := $(shell nproc 2>/dev/null || echo 1)
WORKERS ?= -n $(shell expr $(CORES) + 1) --dist loadfile
READERS ?= -n $(shell expr $(CORES) + 2) --dist loadfile
# pyproject's own pytest settings are for modules; notebooks are compared cell by cell instead.
NBVAL  := -c /dev/null --rootdir . -p no:cacheprovider -p tests.notebooks.real_parts \
	--nbval --nbval-current-env --nbval-cell-timeout=120 -rs
# The Chinese notebooks have the same code, and their replies are in Chinese: `make zh-test` runs them.
ENGLISH := --ignore=notebooks/zh

# Only the comparison of notebooks needs nbval; each worker would load it.
PYTEST := -m pytest -q -p no:nbval

.DEFAULT_GOAL := help
.PHONY: help setup lab lab-zh author test test-long lint types unit parquet long properties full benchmarks fuzz notebooks-test notebooks zh zh-test data web web-test web-serve oldest pythons wheel clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# $(call install,ENVIRONMENT,WHAT[,FOLDER]): uv installs in seconds what takes pip a minute, from the index that pip is
# told to use, and does not stay; where it cannot be had, pip does the work. What may be imported is compiled here, once
# for all.
define install
@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
@echo "$(1): installing $(2)"
@pip="$(1)/bin/python -m pip --disable-pip-version-check"; export UV_SYSTEM_CERTS=1; \
	index=$${PIP_INDEX_URL:-$$($$pip config get global.index-url 2>/dev/null)}; \
	test -z "$$index" || export UV_DEFAULT_INDEX=$$index; \
	if $$pip install --quiet --target $(1)/.uv uv 2>$(1)/.uv.log \
		&& $(1)/.uv/bin/uv pip install --python $(1)/bin/python $(if $(CI),--quiet) $(2); \
	then rm -rf $(1)/.uv $(1)/.uv.log; \
		$(1)/bin/python -m compileall -qq -j 0 -x '/(tests|pip|mypyc?|setuptools|pkg_resources|fontTools|lexers)/' $(or $(3),$(1)) || true; \
	else $$pip install $(if $(CI),--quiet) $(2); fi
@touch $@
endef
# What reading needs: JupyterLab, the library, Dask for chapter A5. What testing needs on top: the rest.
READING := -c constraints.txt -e '.[lab,fleet]'
TESTING := -c constraints.txt -e '.[all]'

$(DESK): pyproject.toml constraints.txt
	$(call install,$(VENV),$(READING))

$(READY): pyproject.toml constraints.txt
	$(call install,$(VENV),$(TESTING))
	@touch $(DESK)

setup: $(READY)  ## make the virtual environment in .venv, unless it is there

lab: $(DESK)  ## open JupyterLab on a copy of the notebooks that is yours (my-notebooks/)
	$(BIN)/python -m regtools lab $(addprefix --lab-option=,$(LAB_ARGS))

lab-zh: $(DESK)  ## 打开中文版：JupyterLab 和笔记本都是中文（my-notebooks-zh/ 是你自己的副本）
	$(BIN)/python -m regtools lab --lang zh $(addprefix --lab-option=,$(LAB_ARGS))

author: $(READY)  ## open JupyterLab on the notebooks themselves, to change them
	JUPYTER_CONFIG_PATH=$(CURDIR)/regtools/notebook/jupyter $(BIN)/python -m jupyterlab $(AS_ROOT) \
		--ServerApp.root_dir=$(CURDIR)/notebooks --LabApp.default_url=/lab/tree/00-start-here.ipynb \
		--ContentsManager.pre_save_hook=tests.notebooks.normal.before_saving $(LAB_ARGS)

test:  ## set up and check everything that CI checks (8 minutes)
	@MAKEOVERRIDES='$(MAKEOVERRIDES)' $(PYTHON) tests/parts.py

lint: $(READY)  ## style of modules, tests and notebook cells
	$(BIN)/ruff check .
	$(BIN)/ruff format --check regtools tests

types: $(READY)  ## mypy --strict
	$(BIN)/mypy --num-workers 2

unit: $(READY)  ## tests and doctests, with the real programs where they are installed
	$(CLEAN) $(BIN)/python $(PYTEST) $(WORKERS)

# pandas keeps text in another way where pyarrow is installed, so both ways are tested; what has no text is left out.
# In part, with a chart of each kind: what reads, compares and advises. The rest follows in the long run.
ARROW    := $(CLEAN) PYTHONPATH=$(CURDIR)/.venv-parquet $(BIN)/python $(PYTEST)
JOURNALS := tests/campaigns/test_reading.py tests/campaigns/test_journal.py tests/cli/test_compare.py tests/cli/test_advise.py
TEXTLESS := $(addprefix --ignore=tests/analysis/test_,truth.py statistics.py fit.py chart_sizes.py)
parquet: $(READY) .venv-parquet/.ready  ## what reads and compares journals, with pyarrow (the extra: parquet)
	$(ARROW) $(WORKERS) $(JOURNALS) $(addprefix tests/analysis/test_,compare.py advise.py) \
		tests/analysis/test_hostile_names.py::test_text_and_html_show_any_name_and_nothing_else \
		tests/analysis/test_hostile_names.py::test_an_advised_file_says_any_name_in_a_comment_only \
		tests/analysis/test_vantage_advice.py::test_each_vantage_point_gets_the_order_that_is_best_there \
		tests/analysis/test_more_charts.py::test_a_chart_makes_a_figure_of_its_own_otherwise \
		tests/analysis/test_more_charts.py::test_small_multiples_keep_a_places_look_from_panel_to_panel \
		'tests/faults/test_kills.py::test_a_kill_leaves_nothing_lost_doubled_or_half_written[parquet]'

.venv-parquet/.ready: constraints.txt $(READY)
	$(call install,$(VENV),--target .venv-parquet -c constraints.txt pyarrow,.venv-parquet)

notebooks-test: $(READY)  ## run every notebook and compare each output with the stored one
	$(CLEAN) $(BIN)/python -m pytest $(NBVAL) $(ENGLISH) $(READERS) -q $(NOTEBOOKS)

zh-test: $(READY)  ## run every Chinese notebook and compare each output with the stored one
	$(CLEAN) REGTOOLS_LANG=zh $(BIN)/python -m pytest $(NBVAL) $(READERS) -q notebooks/zh

notebooks: $(READY)  ## run the notebooks again and store them in their normal form
	$(CLEAN) $(BIN)/python tests/notebooks/normal.py --execute $(NOTEBOOKS)

# The Chinese edition: sources in notebooks/zh/source/, CONTRIBUTING.md says how. CHAPTER=08 or CHAPTER=glossary for a part.
CHAPTER ?=
zh: $(READY)  ## check the Chinese sources and build notebooks/zh/ from them (CHAPTER=08)
	$(BIN)/python -m tests.notebooks.zh build $(CHAPTER)

# Each can be run alone; mirrors goes on where it was stopped.
data: $(READY)  ## measure again what data/ records (45 minutes; nothing else may run meanwhile)
	$(CLEAN) $(BIN)/python -m tests.recorded.measure_failover
	$(CLEAN) $(BIN)/python -m tests.recorded.measure_mirrors
	$(CLEAN) $(BIN)/python -m tests.recorded.measure_cache
	$(CLEAN) $(BIN)/python -m tests.recorded.measure_vantages

test-long:  ## everything: full sizes, benchmarks, oldest packages, other Pythons (75 minutes)
	@MAKEOVERRIDES='$(MAKEOVERRIDES)' $(PYTHON) tests/parts.py --long

long: properties full benchmarks  ## what test-long tests beyond test, with the packages of constraints.txt

# Examples wait for nothing, and no file of them is the last for half an hour: single tests are handed out.
properties: $(READY)  ## hypothesis with 100,000 examples
	$(CLEAN) REGTOOLS_LONG=1 $(BIN)/python $(PYTEST) -n auto --dist worksteal -m property

# What measures times runs alone, one test after the other. The others wait for programs: single tests are handed out,
# as a file of them can take minutes. Two need pyarrow. Each group runs also after another one has failed.
FULL := (long or sized) and not benchmark and not property
full: $(READY) .venv-parquet/.ready  ## full sizes
	failed=0; \
	$(CLEAN) REGTOOLS_LONG=1 $(BIN)/python $(PYTEST) $(WORKERS) --dist loadgroup -m '$(FULL) and not alone' || failed=1; \
	$(CLEAN) REGTOOLS_LONG=1 $(BIN)/python $(PYTEST) -m '$(FULL) and alone' || failed=1; \
	$(CLEAN) REGTOOLS_LONG=1 PYTHONPATH=$(CURDIR)/.venv-parquet $(BIN)/python $(PYTEST) \
		tests/notebooks/test_sizing.py::test_rows_weigh_what_is_told_in_parquet_too \
		'tests/faults/test_kills.py::test_a_kill_leaves_nothing_lost_doubled_or_half_written[parquet]' || failed=1; \
	$(ARROW) $(WORKERS) $(TEXTLESS) $(JOURNALS) tests/analysis || failed=1; \
	exit $$failed

benchmarks: $(READY) .venv-peers/.ready  ## benchmarks (ratios are printed)
	$(CLEAN) REGTOOLS_LONG=1 REGTOOLS_PEERS=.venv-peers $(BIN)/python $(PYTEST) -rA -m benchmark

# The converters that ours is measured against; never part of our own environment.
.venv-peers/.ready:
	$(call install,.venv-peers,remarshal yq jc)

# atheris guides by coverage. It stays beside the environment, because tests do without it; it has no wheel for every
# Python, and where it has none hypothesis makes the inputs.
SECONDS ?= 60
TARGETS ?=
fuzz: $(READY)  ## hostile input for every reader and command (SECONDS=600 each, TARGETS="toml journal")
	-@$(MAKE) --no-print-directory .venv-fuzz/.ready
	$(CLEAN) PYTHONPATH=$(CURDIR)/.venv-fuzz $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

.venv-fuzz/.ready:
	$(call install,$(VENV),--target .venv-fuzz atheris==3.0.0,.venv-fuzz)

web: .venv-web/.ready  ## build the web edition in site/: the book, live chapters, the explorer
	@test -n "$$(command -v npm)" || { echo "make web needs node (20 or newer) and npm: apt install nodejs npm"; exit 1; }
	PATH="$(CURDIR)/.venv-web/bin:$$PATH" UV_PYTHON_DOWNLOADS=never PYTHONPATH=$(CURDIR) \
		.venv-web/bin/python notebooks/web/build.py site

web-test: web $(READY)  ## drive Chromium over the built site
	$(CLEAN) REGTOOLS_SITE=$(CURDIR)/site REGTOOLS_LONG=1 $(BIN)/python $(PYTEST) -n 2 --dist loadfile tests/web

web-serve: .venv-web/.ready  ## serve site/ on loopback, compressed
	.venv-web/bin/python notebooks/web/serve.py site

.venv-web/.ready: pyproject.toml constraints-web.txt
	@test -n "$(WEB_PYTHON)" || { echo "make web needs Python 3.12 or newer (JupyterLite does): make web WEB_PYTHON=…"; exit 1; }
	@test -x .venv-web/bin/python || $(WEB_PYTHON) -m venv .venv-web
	$(call install,.venv-web,-c constraints-web.txt -e '.[web]')

oldest: .venv-oldest/.ready  ## the same tests with the oldest supported packages
	# Outputs are compared to the letter, and types checked, with the constrained set only.
	$(CLEAN) .venv-oldest/bin/python $(PYTEST) -W default $(WORKERS) --ignore tests/notebooks/test_nbval.py --ignore tests/notebooks/test_bare.py \
		--deselect 'tests/test_docs.py::test_what_contributing_names_works[make lint types]'
	$(CLEAN) .venv-oldest/bin/python -m pytest $(NBVAL:--nbval=--nbval-lax) $(ENGLISH) $(WORKERS) -q -W default notebooks

.venv-oldest/.ready: pyproject.toml constraints-oldest.txt
	$(call install,.venv-oldest,$(subst constraints,constraints-oldest,$(TESTING)))

pythons: .venv-other/.ready  ## the same tests on another Python (OTHER_PYTHON, default python3.13)
	$(CLEAN) .venv-other/bin/python $(PYTEST) $(WORKERS)
	$(CLEAN) .venv-other/bin/python -m pytest $(NBVAL:--nbval=--nbval-lax) $(ENGLISH) $(WORKERS) -q notebooks

.venv-other/.ready: pyproject.toml constraints.txt
	@test -x .venv-other/bin/python || $(OTHER_PYTHON) -m venv .venv-other
	$(call install,.venv-other,$(TESTING))

wheel: $(READY)  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --outdir dist .

clean:  ## remove what these targets made
	rm -rf $(VENV) .venv-* .web site .fuzz dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
