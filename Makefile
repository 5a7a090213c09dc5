# make demo   environment + the mini recipe on synthesised speech, to RESULTS.md and report.html
# make test   environment + unit tests, shell tests, shellcheck
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: env demo test test-python test-shell lint lock clean

env:
	bash tools/install.sh $(VENV)

demo: env
	cd ./egs2/mini_espeak/tse1 && ./run.sh

test: env test-python test-shell lint

test-python:
	$(BIN)/python -m pytest -n 2

# Two files at a time, that of the longest tests first; each prints as a whole.
test-shell:
	printf '%s\n' test/shell/interruptions.bats $$(ls test/shell/*.bats | grep -v interruptions) | \
		xargs -P 2 -I{} sh -c 'output=$$($(BIN)/bats {} 2>&1); code=$$?; printf "%s\n" {} "$$output"; exit $$code'

lint:
	$(BIN)/shellcheck -x -S warning $$(git ls-files '*.sh' .ci/run)

# Resolve the versions anew from setup.py and the overrides of pyproject.toml.
lock:
	$(BIN)/python -m uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header \
		--no-annotate setup.py --all-extras -o tools/lock.txt

clean:
	rm -rf egs2/*/*/data egs2/*/*/dump egs2/*/*/exp
