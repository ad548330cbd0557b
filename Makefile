# A thin front: `make run` shows Fermi at work on this machine, `make test` runs every test,
# `make bench` measures. CMake does the work (CMakePresets.json).
PRESET ?= release
BUILD  := build/$(PRESET)
STATE  ?= .fermi
NODES  ?= zone-a=2x8,zone-b=3x8
ONCE   ?=
JOBS   ?= $(shell nproc)

.PHONY: run test fast bench build configure format clean

run: configure-run
	cmake --build --preset $(PRESET) -j $(JOBS) --target fermi
	$(BUILD)/operator/fermi up --data-dir $(STATE) --nodes $(NODES) --port 0 \
	  --apply manifests/samples/local --follow --fresh --stop-pods $(if $(ONCE),--once)

.PHONY: configure-run
configure-run:
	@./install-deps build
	@./install-deps run || echo "make run: going on without PyTorch"
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)

configure:
	@./install-deps build test
	@free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1048576)}'); [ "$$free" -ge 4 ] || \
	  echo "make: $$free GiB are free here; a build takes 2, and the tests up to 2 more"
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)

build: configure
	cmake --build --preset $(PRESET) -j $(JOBS)

# Everything: the fast tier, end to end on both backends, the simulation.
test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

# The fast tier alone: under a minute.
fast: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) -L fast

bench: build
	$(BUILD)/bench/cycle/bench_cycle
	bench/informer/run.sh $(BUILD)

format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean:
	rm -rf $(BUILD)
