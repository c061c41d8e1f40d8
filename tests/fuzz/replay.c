/*
 * replay.c - runs a fuzz target over files: replay FILE|DIRECTORY...
 *
 * That there was none to run over is a failure.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>

#include "ioutil.h"

#define INPUT_BYTES_MAX (64 << 20)

static unsigned ninputs;

static int run_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)ftw;
	struct sc_error err = { 0 };
	sc_autofree uint8_t *data = NULL, *exact = NULL;
	size_t size;
	if (kind != FTW_F)
		return kind == FTW_D ? 0 : -1;
	if (sc_io_read_file(AT_FDCWD, path, path, INPUT_BYTES_MAX, &data, &size, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	/* A copy of exactly this size, so that a sanitizer sees a read behind it. */
	exact = malloc(size ? size : 1);
	fuzz_require(exact);
	memcpy(exact, data, size);
	/* Said before, so that it is known which one ended the program. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, size);
	ninputs++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (nftw(argv[i], run_file, 8, FTW_PHYS) != 0) {
			fprintf(stderr, "%s: cannot be replayed\n", argv[i]);
			return 1;
		}
	}
	printf("%u inputs\n", ninputs);
	return ninputs > 0 ? 0 : 1;
}
