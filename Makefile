# SPDX-License-Identifier: GPL-2.0-or-later
# vnicsim. `make help` lists the targets.
#
# The datapath is built once for each world it runs in (models/plat/*): the world is chosen by the
# include path, never by a macro.
#
# FLAVOUR picks compiler and options, and a build folder of its own:
#   make FLAVOUR=asan test

FLAVOUR ?= default
CC      := gcc
OPT     := -O3
SAN     :=
ifeq ($(FLAVOUR),default)
B := build
else
B := build/$(FLAVOUR)
endif
ifeq ($(FLAVOUR),O0)
OPT := -O0
endif
ifeq ($(FLAVOUR),clang)
CC := clang
endif
ifeq ($(FLAVOUR),asan)
OPT := -O1
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifeq ($(FLAVOUR),tsan)
OPT := -O1
SAN := -fsanitize=thread -Wno-tsan
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
        -Wvla -Wwrite-strings
# Results must not depend on the compiler: no fused multiply-add, no machine-dependent code.
CFLAGS = -std=gnu11 $(OPT) -g $(WARN) $(SAN) -ffp-contract=off -MMD -MP $(EXTRA_CFLAGS)

# Short lines; V=1 shows commands.
Q  := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)  $@")

# Asked when first needed, so that `make deps` runs on a machine without pkg-config.
PKGS     := glib-2.0 jansson libpcap libxxhash
PKG_INC   = $(eval PKG_INC := $$(shell pkg-config --cflags $(PKGS)))$(PKG_INC)
# Of programs in the real world.
LIB_real  = $(eval LIB_real := $$(shell pkg-config --libs liburing))$(LIB_real)
PKG_LIB   = $(eval PKG_LIB := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIB)

SIM      := $(wildcard sim/*.c)
DATAPATH := $(wildcard models/datapath/*.c)
MODELS   := $(filter-out models/main.c,$(wildcard models/*.c)) \
            $(wildcard models/host/*.c models/nic/*.c models/guest/*.c models/traffic/*.c \
                       models/plat/sim/*.c)

INC       = -I. -Imodels/plat -Imodels/datapath
INC_sim   = -Imodels/plat/sim $(INC) $(PKG_INC)
INC_real  = -Imodels/plat/real $(INC)
INC_test  = -Imodels/plat/test $(INC)

# Policies of one's own, each a file written against policy.h and plat.h. All that depends on them is
# below BIN, where the programs go, too; everything else is shared with the programs without them.
POLICIES :=
BIN      := $(B)
OWN      := $(BIN)/own
OWN_sim  := $(patsubst %.c,$(OWN)/sim/%.o,$(notdir $(POLICIES)))
OWN_real := $(patsubst %.c,$(OWN)/real/%.o,$(notdir $(POLICIES)))
$(foreach p,$(POLICIES),$(if $(filter %.c,$p),,$(error POLICIES: $p is no C file))\
  $(if $(wildcard $p),,$(error POLICIES: there is no file $p)))
$(if $(filter-out $(words $(sort $(notdir $(POLICIES)))),$(words $(POLICIES))),\
  $(error POLICIES: two files of one name; rename one))

SIM_OBJ  := $(SIM:%.c=$(B)/sim/%.o) $(MODELS:%.c=$(B)/sim/%.o) $(DATAPATH:%.c=$(B)/sim/%.o)
REAL     := $(wildcard models/plat/real/*.c)
REAL_OBJ := $(DATAPATH:%.c=$(B)/real/%.o) $(REAL:%.c=$(B)/real/%.o)
# The real program: its own files, those of the simulator that are built for any world, and, as
# they are, those that know no world (their objects refer to none, or it would not link).
TAP      := $(filter-out models/tap/main.c,$(wildcard models/tap/*.c)) \
            $(wildcard models/guest_build*.c) models/book.c models/view.c models/traffic/sender.c
TAP_OBJ  := $(TAP:%.c=$(B)/real/%.o)
COLD     := $(SIM) $(wildcard models/options*.c models/keys_*.c) models/tap_keys.c models/policy_words.c \
            models/machine_metrics.c models/host/cost.c models/host/pcie_keys.c models/host/pcie_traffic.c \
            models/nic/nic_keys.c models/nic/dmabench_keys.c \
            $(filter-out models/traffic/sender.c,$(wildcard models/traffic/*.c))
COLD_OBJ := $(COLD:%.c=$(B)/sim/%.o)
TEST_OBJ := $(DATAPATH:%.c=$(B)/test/%.o) $(B)/test/models/plat/test/plat_test.o

# Tests: a program each, in the world that it needs.
TESTS_real := $(patsubst tests/%.c,%,$(wildcard tests/test_plat_real.c tests/test_plat_port.c \
                tests/real_*.c))
TESTS_tap  := $(patsubst tests/%.c,%,$(wildcard tests/test_tap_*.c))
TESTS_test := $(patsubst tests/%.c,%,$(wildcard tests/test_virtq*.c tests/test_plat_test.c \
                tests/test_policy*.c tests/test_endpoint.c tests/test_nicdrv.c \
                tests/test_demux.c tests/fuzz_*.c))
TESTS_sim  := $(filter-out $(TESTS_real) $(TESTS_tap) $(TESTS_test),$(patsubst tests/%.c,%,$(wildcard tests/test_*.c)))
BENCH_real := bench_tap
BENCHES    := $(filter-out $(BENCH_real),$(patsubst tests/%.c,%,$(wildcard tests/bench_*.c)))
TEST_BIN   := $(TESTS_sim:%=$(B)/tests/%) $(TESTS_test:%=$(B)/tests/%) $(TESTS_real:%=$(B)/tests/%) \
              $(TESTS_tap:%=$(B)/tests/%)
BENCH_BIN  := $(BENCHES:%=$(B)/tests/%) $(BENCH_real:%=$(B)/tests/%)

.PHONY: all own-check install uninstall deps test test-programs bench demo systems fidelity validate study traces check-style seam proof soak memcheck reproduce docs \
        large clean help
.DEFAULT_GOAL := all
.SECONDARY:

all: $(BIN)/vnicsim $(BIN)/vnictap       ## build both programs: build/vnicsim, build/vnictap

$(BIN)/vnicsim: $(B)/sim/models/main.o $(OWN)/policy_own.o $(OWN_sim) $(B)/libvnicsim.a $(OWN)/seam
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -o $@ $(filter %.o %.a,$^) $(PKG_LIB) -lpthread

# One rule for each policy and world: they may come from any folder.
define own_object
$(OWN)/$(1)/$(patsubst %.c,%.o,$(notdir $(2))): $(2)
	@mkdir -p $$(@D)
	$$(call say,CC  )
	$$(Q)$$(CC) $$(CFLAGS) $$(INC_$(1)) -c -o $$@ $$<
endef
$(foreach p,$(POLICIES),$(eval $(call own_object,sim,$p))$(eval $(call own_object,real,$p)))

# The table of them, from the names that they define; written anew only when it changes.
$(OWN)/policy_own.c: $(OWN_sim) FORCE
	@mkdir -p $(@D)
	@tests/own-policies.sh $(OWN_sim) >$@.new || { rm -f $@.new; exit 1; }
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(OWN)/policy_own.o: $(OWN)/policy_own.c
	$(Q)$(CC) $(CFLAGS) $(INC_sim) -c -o $@ $<
# What the tree's datapath is held to, they are. Says which files were.
$(OWN)/seam: $(OWN_real) $(OWN)/policy_own.c tests/check-seam.sh
	@$(if $(POLICIES),SEAM_FILES="$(POLICIES)" tests/check-seam.sh $(OWN)/real,:)
	@echo "$(POLICIES)" >$@
FORCE:
.PHONY: FORCE

own-check: $(BIN)/vnicsim                ## POLICIES=...: hold them to what all policies are held to
	@tests/own-check.sh $(BIN)/vnicsim

# The whole datapath is in either program, called or not; the table of policies is the one above.
$(BIN)/vnictap: $(B)/real/models/tap/main.o $(OWN)/policy_own.o $(OWN_real) $(B)/libtap.a \
		$(filter-out %/policy_own.o,$(REAL_OBJ)) $(B)/libcold.a $(OWN)/seam
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(PKG_LIB) $(LIB_real) -lpthread -lm

$(B)/libvnicsim.a: $(SIM_OBJ)
	@rm -f $@
	$(call say,AR  )
	$(Q)ar rcs $@ $^
$(B)/libreal.a: $(REAL_OBJ)
	@rm -f $@
	$(call say,AR  )
	$(Q)ar rcs $@ $^
$(B)/libtap.a: $(TAP_OBJ)
	@rm -f $@
	$(call say,AR  )
	$(Q)ar rcs $@ $^
$(B)/libcold.a: $(COLD_OBJ)
	@rm -f $@
	$(call say,AR  )
	$(Q)ar rcs $@ $^
$(B)/libtest.a: $(TEST_OBJ)
	@rm -f $@
	$(call say,AR  )
	$(Q)ar rcs $@ $^

$(B)/sim/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(CFLAGS) $(INC_sim) -c -o $@ $<
$(B)/real/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(CFLAGS) $(INC_real) -c -o $@ $<
$(TAP_OBJ) $(B)/real/models/tap/main.o $(TESTS_tap:%=$(B)/real/tests/%.o): INC_real += $(PKG_INC)
$(B)/test/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(CFLAGS) $(INC_test) -c -o $@ $<

$(TESTS_sim:%=$(B)/tests/%) $(BENCHES:%=$(B)/tests/%): $(B)/tests/%: $(B)/sim/tests/%.o $(B)/libvnicsim.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(PKG_LIB) -lcmocka -lpthread -lm
$(TESTS_test:%=$(B)/tests/%): $(B)/tests/%: $(B)/test/tests/%.o $(B)/libtest.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lcmocka -lxxhash
$(TESTS_real:%=$(B)/tests/%) $(BENCH_real:%=$(B)/tests/%): $(B)/tests/%: $(B)/real/tests/%.o $(B)/libreal.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIB_real) -lcmocka -lpthread -lxxhash
$(TESTS_tap:%=$(B)/tests/%): $(B)/tests/%: $(B)/real/tests/%.o $(B)/libtap.a \
                $(B)/libreal.a $(B)/libcold.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(PKG_LIB) $(LIB_real) -lcmocka -lpthread -lm

test-programs: $(TEST_BIN)

deps:                                    ## install what is missing (apt, not interactive)
	@sh tests/deps.sh

test: deps                               ## build, run every test; last line counts them
	@$(MAKE) --no-print-directory all test-programs seam-objects
	@B=$(B) tests/run.sh

seam-objects: $(B)/libreal.a $(B)/libtest.a $(B)/libvnicsim.a
.PHONY: seam-objects
seam: seam-objects                       ## check what the datapath's objects refer to
	tests/check-seam.sh $(B)/real/models/datapath $(B)/test/models/datapath $(B)/sim/models/datapath

proof: all $(B)/libreal.a               ## the datapath of both programs has the same sources
	tests/proof.sh $(B)

soak: all                                ## TAP devices for 10 minutes or 100 million packets (root)
	tests/soak.sh $(B)/vnictap

memcheck: all test-programs              ## every test under valgrind
	@B=$(B) VALGRIND=1 tests/run.sh

reproduce:                               ## same results from gcc -O3, -O0, clang, and without FMA
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory FLAVOUR=O0 all
	@$(MAKE) --no-print-directory FLAVOUR=clang all
	tests/reproduce.sh build/vnicsim build/O0/vnicsim build/clang/vnicsim

bench: deps                              ## speed: wheel against heap, packets a second
	@$(MAKE) --no-print-directory all $(BENCH_BIN)
	@B=$(B) tests/bench.sh

demo: deps                               ## the main job: policies on a real capture, with plots
	@$(MAKE) --no-print-directory all
	@tests/demo.sh $(B)/vnicsim

systems: deps                            ## the five systems side by side: table, figure, README
	@$(MAKE) --no-print-directory all
	@tests/systems.sh $(B)/vnicsim out/systems README.md docs/systems.md
	@cd out/systems && gnuplot $(CURDIR)/plots/systems.gp && cp systems.png $(CURDIR)/docs/
	@echo && echo "figure: docs/systems.png (out/systems has SVG, PDF, data); table: docs/systems.md"

fidelity: deps                           ## theory and published measurements: docs/fidelity.md
	@$(MAKE) --no-print-directory all
	@tests/fidelity.sh $(B)/vnicsim out/fidelity docs/fidelity.md README.md; status=$$?; \
	 echo && tests/fidelity-figures.sh $(B)/vnicsim out/fidelity docs/fidelity && exit $$status

validate: deps                           ## simulated against real TAP devices: docs/validation.md
	@$(MAKE) --no-print-directory all
	@tests/validate.sh $(B)/vnicsim out/validate docs/validation.md

study: deps                              ## when does zero copy pay: 495 runs (minutes), the figure in docs
	@$(MAKE) --no-print-directory all
	$(B)/vnicsim sweep scenarios/studies/when-does-zero-copy-pay.ini --out out/when-does-zero-copy-pay \
		--fresh -j 0
	cd out/when-does-zero-copy-pay && gnuplot $(CURDIR)/plots/when-does-zero-copy-pay.gp && \
		cp when-does-zero-copy-pay.png $(CURDIR)/docs/

traces:                                  ## take a large capture for benchmarks (root): build/traces
	traces/make-traces.sh --large build/traces

docs: all                                ## write scenario reference and manual pages from the tables
	$(B)/vnicsim list keys --markdown > docs/scenario-reference.md
	tests/man-pages.sh $(B)/vnicsim docs/man docs/man

# Where make install puts things; DESTDIR stands before all of it, and only there.
prefix  ?= /usr/local
bindir   = $(prefix)/bin
datadir  = $(prefix)/share
docdir   = $(datadir)/doc/vnicsim
INSTALLED = $(BIN)/vnicsim:$(bindir) $(BIN)/vnictap:$(bindir) \
            $(foreach f,$(wildcard plots/*.gp),$f:$(datadir)/vnicsim/plots) \
            $(foreach f,$(shell find scenarios -name '*.ini'),$f:$(datadir)/vnicsim/$(patsubst %/,%,$(dir $f))) \
            $(foreach f,$(wildcard traces/*.pcap*),$f:$(datadir)/vnicsim/traces) \
            $(foreach f,$(wildcard docs/man/*.1),$f:$(datadir)/man/man1) \
            $(foreach f,$(wildcard docs/man/*.5),$f:$(datadir)/man/man5) \
            docs/completion/vnicsim:$(datadir)/bash-completion/completions \
            $(foreach f,README.md $(shell find docs -name '*.md' -o -name '*.png' -o -path 'docs/own-policy/*' -type f),$f:$(docdir)/$(patsubst %/,%,$(dir $f)))
# What a policy of one's own is compiled against stays in the tree: it needs the Makefile, too.
install: all                             ## programs, plots, scenarios, docs, manual pages, completion
	@for entry in $(INSTALLED); do \
		file=$${entry%%:*}; to="$(DESTDIR)$${entry#*:}"; mode=644; \
		[ -x "$$file" ] && mode=755; \
		install -D -m $$mode "$$file" "$$to/$$(basename "$$file")" || exit 1; \
	done
	@echo "installed: $(DESTDIR)$(bindir)/vnicsim, $(DESTDIR)$(bindir)/vnictap; plots, scenarios, docs, manual pages: $(DESTDIR)$(datadir)"

uninstall:                               ## the same files, and folders that are empty then
	@for entry in $(INSTALLED); do \
		file=$${entry%%:*}; to="$(DESTDIR)$${entry#*:}"; \
		rm -f "$$to/$$(basename "$$file")" || exit 1; \
	done
	@for folder in $(datadir)/vnicsim $(docdir); do \
		[ ! -d "$(DESTDIR)$$folder" ] || find "$(DESTDIR)$$folder" -depth -type d -empty -delete; \
	done

check-style: deps                        ## formatting, static analysis, headers, the seam
	@$(MAKE) --no-print-directory seam-objects
	@B=$(B) tests/check-style.sh

clean:                                   ## remove build/
	rm -rf build

help:                                    ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

-include $(wildcard $(OWN)/*.d $(OWN)/*/*.d $(B)/real/*/*.d $(B)/sim/*/*.d $(B)/sim/*/*/*.d $(B)/sim/*/*/*/*.d $(B)/real/*/*/*.d \
                    $(B)/real/*/*/*/*.d $(B)/real/tests/*.d $(B)/test/*/*/*.d \
                    $(B)/test/*/*/*/*.d $(B)/test/tests/*.d)
