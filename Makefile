# Everything runs in .venv, which is made on first use: no environment needs to be active, and none that is gets touched.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/made-in

NOTEBOOKS = $(wildcard notebooks/[0-9][0-9]_*.ipynb solutions/[0-9][0-9]_*.ipynb)
AS_STORED = OMP_NUM_THREADS=1 TQDM_DISABLE=1
NBVAL = --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout=1200

# An active environment must not leak into ours, nor pip's settings for installing elsewhere.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV __PYVENV_LAUNCHER__ PIP_TARGET PIP_PREFIX

NBGRADER := $(VENV)/nbgrader
FOR_TESTS = hypothesis packaging psutil pytest pytest-xdist scipy

.PHONY: help lab present slides site publish test oldest newest times run notebooks exercises grade selfcheck clean
.DELETE_ON_ERROR:

help:  ## list these targets
	@sed -n 's/^\([a-z ]*\):.*  ## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

lab: $(READY)  ## open the lectures in JupyterLab; ARGS="--no-browser --port 9999" passes options
	$(RUN) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks $(ARGS)

present: $(READY)  ## present a lecture in JupyterLab, a kernel behind it: make present LECTURE=09
	@$(RUN) -m lecture_lib.slides present $(LECTURE) $(ARGS)

slides: $(READY)  ## the lectures as HTML and PDF slides in build/slides/, or one: make slides LECTURE=09
	@$(RUN) -m lecture_lib.slides build $(LECTURE)

site: $(READY)  ## the course as a static site, build/site/index.html
	@$(RUN) -m lecture_lib.site

test: $(READY) $(NBGRADER)/installed  ## check the code and the library, then execute every notebook and compare its outputs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m lecture_lib.grading release solutions exercises --check
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder  # the order of names: else the longest files come last, alone
	$(RUN) -c 'from lecture_lib import data; [data.mnist(s, offline_fallback=False) for s in data.SPLITS]'  # outputs are of MNIST
	$(if $(NOTEBOOKS),$(AS_STORED) $(RUN) -m pytest $(NBVAL) -p no:cacheprovider -n 2 --dist loadscope $(NOTEBOOKS))

publish: $(READY)  ## links to Colab and Binder in every notebook: make publish REPOSITORY=https://github.com/owner/name
	@$(RUN) -m lecture_lib.publishing "$(REPOSITORY)"
	@$(RUN) -m lecture_lib.grading release solutions exercises
	@touch $(READY)  # the address stands in pyproject.toml: nothing has to be installed anew

oldest newest: $(READY)  ## tests of the library beside the oldest (newest) versions that it allows, in .venv-oldest
	@rm -rf .venv-$@ && $(RUN) -m venv .venv-$@
	@$(RUN) tests/versions.py $@ $(TORCH) > .venv-$@/wanted.txt
	@.venv-$@/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-$@/wanted.txt $(FOR_TESTS)
	@.venv-$@/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	.venv-$@/bin/python -m pytest -W default -n 2 --dist loadfile -p no:cacheprovider $$($(RUN) tests/versions.py tests)

times: $(READY)  ## measure time and memory of every notebook, about ten minutes, into docs/run_times.md
	@$(RUN) -m lecture_lib.run_times $(LECTURE)

run: $(READY)  ## execute one lecture into executed/: make run LECTURE=06
	@$(RUN) -m lecture_lib.notebooks run $(LECTURE)

notebooks: $(READY)  ## execute all notebooks in place, or one: make notebooks LECTURE=06
	@$(RUN) -m lecture_lib.notebooks refresh $(LECTURE)

exercises: $(READY)  ## write the exercises from the notebooks in solutions/
	@$(RUN) -m lecture_lib.grading release solutions exercises

grade: $(READY)  ## grade a class: make grade LECTURE=01 SUBMITTED=folder OUT=folder; ARGS="--jobs 4" passes options
	@$(RUN) -m lecture_lib.grading grade --solution $(wildcard solutions/$(LECTURE)*.ipynb) --submitted $(SUBMITTED) --out $(OUT) $(ARGS)

selfcheck: $(READY)  ## try solutions, untouched exercises, listed mistakes and escapes from the sandbox
	@$(RUN) -m lecture_lib.grading selfcheck solutions

clean:  ## remove .venv and the caches, nothing that you made
	rm -rf $(VENV) .venv-oldest .venv-newest .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamp is written last and names this folder: after an interrupted installation, a change of the requirements,
# or a move of the folder (its scripts hold the old path) .venv is made anew.
ifneq ($(CURDIR),$(shell cat $(READY) 2>/dev/null))
.PHONY: $(READY)
endif

# nbgrader is tested against, and stands apart: in the environment it would add its extensions to everybody's JupyterLab.
$(NBGRADER)/installed: requirements-nbgrader.txt $(READY)
	@rm -rf $(NBGRADER)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --target $(NBGRADER) -r requirements-nbgrader.txt
	@touch $@

$(READY): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer, or name it: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
		sys.exit(v < (3, 11) and "$(PYTHON) is Python %d.%d.%d, the course needs 3.11 or newer; name one: make PYTHON=python3.12" % v[:3])'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "$(PYTHON) makes no virtual environments; on Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Installing into $(VENV), a few minutes the first time ..."
	@base=$$($(PYTHON) -c 'import sys; print(sys._base_executable)') && rm -rf $(VENV) && "$$base" -m venv $(VENV)
	@PIP_USER=0 $(RUN) -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@echo "$(CURDIR)" > $@
