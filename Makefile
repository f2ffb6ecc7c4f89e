# Each target is a task of tools/tasks.py, which says what it does and runs the same on Windows.
PYTHON ?= python3
TASK = @command -v $(PYTHON) >/dev/null || { echo "whose-weights: '$(PYTHON)' is not found; install Python 3.11 to 3.13, or say make PYTHON=…" >&2; exit 1; }; $(PYTHON) tools/tasks.py
.PHONY: help book test test-web lab refresh check chapter question cover bench prove links lock clean
.DEFAULT_GOAL := help

help: ## what there is
	@echo "make book      build the pages into _build/html (no TensorFlow needed)"
	@echo "make test      run everything: checks, tests, every cell of every chapter, the book"
	@echo "make test-web  look at every page in the system's Chromium"
	@echo "make lab       open JupyterLab on the chapters"
	@echo "make refresh   run the chapters again and store their outputs; CHAPTERS='image_filters …' for some"
	@echo "make check     test some chapters alone: CHAPTERS='image_filters …'"
	@echo "make chapter   make a new chapter from the template: NAME=my_chapter"
	@echo "make question  add a question to the index"
	@echo "make cover     draw the picture that links to the book show"
	@echo "make bench     measure scopekit against what you would otherwise use"
	@echo "make prove     compare scopekit.rules with TensorFlow on N=… random programs"
	@echo "make links     try the links that lead out of the book"
	@echo "make lock      make requirements/*.txt anew (needs uv)"
	@echo "make clean     remove .venv and everything built"

book test test-web lab question cover bench links lock clean:
	$(TASK) $@

refresh check:
	$(TASK) $@ $(CHAPTERS)

chapter:
	$(TASK) chapter $(NAME)

prove:
	$(TASK) prove $(N)

.DEFAULT:
	@echo "whose-weights: no target '$@'; 'make help' lists them" >&2; exit 2
