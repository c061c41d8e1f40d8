/*
 * saveconcat - casacore's own virtual concatenation: ImageConcat of images along the spectral axis, saved.
 *
 *   saveconcat OUT IMAGE...
 *
 * OUT then holds an imageconcat.json. Prints the seconds that opening the images, concatenating and saving took.
 */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sys/resource.h>

#include <casacore/images/Images/ImageConcat.h>
#include <casacore/images/Images/PagedImage.h>

static double now()
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static void allow_many_files()
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
try {
	if (argc < 3) {
		std::fputs("Usage: saveconcat OUT IMAGE...\n", stderr);
		return 2;
	}
	allow_many_files();
	double start = now();
	{
		const casacore::PagedImage<float> first{ casacore::String(argv[2]) };
		casacore::ImageConcat<float> whole(
			casacore::uInt(first.coordinates().spectralAxisNumber()), /* tempClose */ true);
		for (int i = 2; i < argc; i++) {
			casacore::PagedImage<float> one{ casacore::String(argv[i]) };
			whole.setImage(one, /* relax */ casacore::True);
		}
		whole.save(argv[1]);
	}
	std::printf("%.6f\n", now() - start);
	return 0;
} catch (const std::exception &error) {
	std::fprintf(stderr, "saveconcat: %s\n", error.what());
	return 1;
}
