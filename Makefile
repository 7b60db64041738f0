# SPDX-License-Identifier: MIT
# A thin front to meson: `make help` lists what there is. Options for every `meson setup`: MESON_ARGS.

MESON      ?= meson
MESON_ARGS ?=
# Seconds of fuzzing for `make fuzz`.
FUZZ_TIME  ?= 60

DEMO = build/uiommufd run --device edu -- build/examples/edu-copy
# What that and the README's first session need: a newcomer does not wait for the tests.
DEMO_TARGETS = uiommufd libuiommufd-preload.so libuiommufd-names.so examples/edu-copy

configure = scripts/configure $(1) $(2) $(MESON_ARGS)

.DEFAULT_GOAL = build
.PHONY: build demo check portability abi-reference book bench bench-compare format format-check tidy sanitize tsan coverage fuzz package check-packages kernel-tests client-tests ltp differential guest-tests install clean help

build: ## build everything into build/
	@scripts/setup build
	@$(call configure,build)
	@ninja -C build

demo: ## build, then run the example driver against an emulated PCI device
	@scripts/setup build
	@$(call configure,build)
	@ninja -C build --quiet $(DEMO_TARGETS)
	@echo '$$ $(DEMO)'
	@$(DEMO)

check: ## every test, on a plain, an ASan + UBSan, a TSan and a release build, and the checks of the source
	@scripts/setup check
	@scripts/check $(MESON_ARGS)

bench: ## every benchmark, on a release build
	@scripts/setup build
	@$(call configure,build-bench,--buildtype=release -Db_lto=true)
	@ninja -C build-bench --quiet
	@scripts/run-benchmarks build-bench

bench-compare: ## two builds' benchmarks: make bench-compare A=bench.json B=build-bench/bench.json
	@test -n "$(A)" -a -n "$(B)" || { echo "make bench-compare A=FILE B=FILE: bench.json of two builds" >&2; exit 2; }
	@bench/report.py --compare "$(A)" "$(B)"

format: ## apply .clang-format to all C files
	@scripts/setup format
	@scripts/format --apply

format-check: ## fail if `make format` would change something
	@scripts/setup format
	@scripts/format --check

tidy: ## clang-tidy on all C files of the library
	@scripts/setup tidy
	@$(call configure,build)
	@scripts/tidy build

sanitize: ## the tests on the ASan + UBSan build only
	@scripts/setup check
	@scripts/check --only asan $(MESON_ARGS)

portability: ## the tests on other distributions, compilers, processors and C libraries, as root (ROWS="musl aarch64")
	@scripts/setup portability
	@scripts/portability build-portability $(ROWS)

tsan: ## the tests of concurrent code on the TSan build only
	@scripts/setup check
	@scripts/check --only tsan $(MESON_ARGS)

book: ## the documents in HTML, in build-book/
	@scripts/setup book
	@mkdocs build --quiet --strict --config-file book/mkdocs.yml
	@echo "build-book/index.html"

abi-reference: ## note the library's ABI as it is now, for a release or for what was added
	@scripts/setup check
	@$(call configure,build)
	@ninja -C build abi-reference

coverage: ## lines and branches that the tests reach, by folder, and whether they fell
	@scripts/setup check
	@$(call configure,build-coverage,-Dtests=enabled -Doptimization=0 -Db_coverage=true \
		-Dc_args='-Wno-maybe-uninitialized -DALWAYS_INLINE=inline -DCOVERAGE')
	@ninja -C build-coverage --quiet
	@find build-coverage -name '*.gcda' -delete
	@# Some tests of whole programs fail here, as instrumented ones call more; `make check` decides about those.
	-@$(MESON) test -C build-coverage --no-rebuild --timeout-multiplier 4 --no-suite source --no-suite fuzz
	@scripts/coverage build-coverage

fuzz: ## fuzz each entry for FUZZ_TIME seconds; what reaches new code is kept in build-clang/corpus
	@scripts/setup check
	@FUZZ_TIME=$(FUZZ_TIME) scripts/check --only asan --suite libfuzzer $(MESON_ARGS)

kernel-tests: ## Linux's own tests of iommufd and VFIO, and its drivers, fetched (280 MB), built and run under uiommufd; UML: where (docs/kernel-drivers.md)
	@scripts/setup kernel-tests
	@$(call configure,build)
	@ninja -C build --quiet
	@tests/kernel/run.py build
	@tests/kernel/guest.py build
	@tests/kernel/nvme_guest.py build
	@tests/kernel/e1000_guest.py build
	@tests/kernel/uml.py build $(UML)

client-tests: ## libvfn, xNVMe, SPDK, libvfio-user and a guest against our devices, fetched and built; LIBVFN, XNVME, SPDK, LIBVFIO_USER, KERNEL: where they are
	@scripts/setup build
	@$(call configure,build)
	@ninja -C build --quiet
	@LIBVFN='$(LIBVFN)' XNVME='$(XNVME)' SPDK='$(SPDK)' LIBVFIO_USER='$(LIBVFIO_USER)' KERNEL='$(KERNEL)' tests/clients/run.py build $(CLIENTS)

guest-tests: ## virtual machines of QEMU 11 with our devices: nested translation, peers, migration; GUESTS: where QEMU and a kernel are kept
	@scripts/setup guest-tests
	@$(call configure,build)
	@ninja -C build --quiet
	@GUESTS='$(GUESTS)' tests/guests/run.py build $(EXAMS)

ltp: ## the Linux Test Project's system call tests, with and without uiommufd: LTP_DIR is where it was built
	@$(call configure,build)
	@ninja -C build --quiet
	@scripts/ltp build $(LTP_TESTS)

differential: ## random sequences of calls, compared with Linux's answers; with DIFFERENTIAL=DIR those recorded in DIR
	@scripts/setup check
	@$(call configure,build,-Dtests=enabled)
	@ninja -C build --quiet
	@tests/differential/differential.py build/uiommufd build/tests/differential/sequences \
		$(if $(DIFFERENTIAL),--answers $(DIFFERENTIAL))

package: ## Debian's packages of the last commit, in build-deb/, looked at by lintian
	@packaging/build-deb build-deb

check-packages: ## packages of four distributions built and used in fresh roots of Debian, as root (KINDS="deb rpm")
	@scripts/setup portability
	@packaging/check-packages build-packages $(KINDS)

install: build ## install (DESTDIR is honoured; the prefix is set with MESON_ARGS=--prefix=...)
	@$(MESON) install -C build --no-rebuild

clean: ## remove every build directory
	rm -rf build build-asan build-tsan build-clang build-bench build-coverage build-deb build-rpm build-arch build-alpine build-book build-packages build-portability

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | \
		while IFS="$$(printf '\t')" read -r name text; do printf 'make %-14s %s\n' "$$name" "$$text"; done
