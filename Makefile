# Every target calls the task of the same name in deno.json, with ARGS behind it:
#   make start ARGS="-c conf/namesrv.yaml"
# tools/deno.sh finds Deno, or installs it into .deno.
#
# compile fetches the runtime that it puts into the executables from dl.deno.land; where that is out
# of reach, DENORT_BIN names a denort of the same version: DENORT_BIN=/path/to/denort make compile

TASKS := start test fuzz soak check fmt lint torture chaos bench interop bundle compile deb docs console

.PHONY: $(TASKS) browser packaging clean

$(TASKS):
	@sh tools/deno.sh task $@ $(ARGS)

# Tests of the console in a browser.
browser:
	@sh tools/deno.sh task test:browser $(ARGS)

# Tests of the packages: packaging is a folder, too, and the task is called test:packaging.
packaging:
	@sh tools/deno.sh task test:packaging $(ARGS)

# Also what the interop and packaging tests have downloaded.
clean:
	rm -rf .cache .deno dist
