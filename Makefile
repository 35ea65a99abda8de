# Every target calls the task of the same name in deno.json, with ARGS behind it:
#   make start ARGS="-c conf/namesrv.yaml"
# tools/deno.sh finds Deno, or installs it into .deno.
#
# compile fetches the runtime that it puts into the executable from dl.deno.land; where that is out
# of reach, DENORT_BIN names a file to take instead: DENORT_BIN=/path/to/denort make compile

TASKS := start test check fmt lint bench interop compile docs

.PHONY: $(TASKS) clean

$(TASKS):
	@sh tools/deno.sh task $@ $(ARGS)

# Also what the interop tests have downloaded.
clean:
	rm -rf .cache .deno dist
