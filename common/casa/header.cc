/*
 * subcubefs-header - makes the tables of a CASA image of one pixel.
 *
 *   subcubefs-header SCRATCH < request
 *   subcubefs-header --fits SCRATCH         for the headers of FITS images, see fitsheader.h
 *
 * The request is one AipsIO "TableRecord":
 *   ndim Int, type String (float, double, complex, dcomplex), mask Bool, coords Record,
 *   imageinfo Record (may be absent; no beams), units String (may be absent),
 *   message String and time Double (MJD seconds): the last row of the history
 *
 * SCRATCH/history/0, 1, ..., when there are any, are log tables or FITS images whose rows come before
 * that one, in order. The image becomes SCRATCH/image; the caller gives it its true
 * shape. Lines "warning: ..." go to standard output. The status is 0, or 1 with
 * one line on standard error.
 *
 * casacore keeps unlocked global state, may crash on what strangers wrote, and
 * is slow to start; that is why it lives here and not in the programs
 * that need its tables. Nothing but the request and SCRATCH is ever read, and
 * the same request gives the same bytes.
 */
#include "confine.h"
#include "fitsheader.h"

#include <casacore/casa/Arrays/IPosition.h>
#include <casacore/casa/Containers/Record.h>
#include <casacore/casa/Exceptions/Error.h>
#include <casacore/casa/IO/AipsIO.h>
#include <casacore/casa/IO/MemoryIO.h>
#include <casacore/casa/Logging/LogSink.h>
#include <casacore/casa/Logging/NullLogSink.h>
#include <casacore/casa/System/AppState.h>
#include <casacore/coordinates/Coordinates/CoordinateSystem.h>
#include <casacore/images/Images/ImageInfo.h>
#include <casacore/images/Images/PagedImage.h>
#include <casacore/tables/LogTables/LoggerHolder.h>
#include <casacore/tables/LogTables/TableLogSink.h>
#include <casacore/tables/Tables/TableRecord.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace
{

/* Far above the largest real request: tabulated frequencies take 8 bytes a channel. */
constexpr size_t max_request_bytes = size_t{ 64 } << 20;
/* Rows of a history; an imager writes tens. */
constexpr unsigned max_history_rows = 1000000;
constexpr int max_dimensions = 8;

struct log_row {
	double time;
	casacore::String message, priority, location, object_id;
};

struct request {
	casacore::TableRecord record;
	casacore::IPosition shape; /* 1 x 1 x ... */
	std::unique_ptr<casacore::CoordinateSystem> coords;
	std::string type;
};

void warn(const std::string &text)
{
	std::printf("warning: %s\n", confine::one_line(text).c_str());
}

std::vector<char> read_input()
{
	std::vector<char> bytes;
	for (;;) {
		size_t old_size = bytes.size();
		bytes.resize(old_size + 65536);
		ssize_t got = read(STDIN_FILENO, bytes.data() + old_size, 65536);
		if (got < 0 && errno != EINTR)
			throw std::runtime_error(std::string("cannot read the request: ") + std::strerror(errno));
		bytes.resize(old_size + static_cast<size_t>(got > 0 ? got : 0));
		if (got == 0)
			return bytes;
		if (bytes.size() > max_request_bytes)
			throw std::runtime_error("the request is too long");
	}
}

void decode_record(const std::vector<char> &bytes, casacore::TableRecord &record)
{
	casacore::MemoryIO memory(bytes.data(), bytes.size());
	casacore::AipsIO stream(&memory);
	stream >> record;
	if (memory.seek(0, casacore::ByteIO::Current) != static_cast<casacore::Int64>(bytes.size()))
		throw std::runtime_error("the request goes on behind its end");
}

/* Throws when a field of the request is absent or of another type, and names it. */
void require(const casacore::TableRecord &record, const char *field, casacore::DataType type)
{
	if (!record.isDefined(field))
		throw std::runtime_error(std::string("the request has no field ") + field);
	if (record.dataType(field) != type)
		throw std::runtime_error(std::string("the request's field ") + field + " is of another type");
}

void check_fields(const casacore::TableRecord &record)
{
	require(record, "ndim", casacore::TpInt);
	require(record, "type", casacore::TpString);
	require(record, "mask", casacore::TpBool);
	require(record, "coords", casacore::TpRecord);
	require(record, "message", casacore::TpString);
	require(record, "time", casacore::TpDouble);
	if (record.isDefined("imageinfo"))
		require(record, "imageinfo", casacore::TpRecord);
	if (record.isDefined("units"))
		require(record, "units", casacore::TpString);
	if (!std::isfinite(record.asDouble("time")))
		throw std::runtime_error("the request's time is not a number");
}

/*
 * The telescope's name is left out: casacore would look up its place, and fails
 * where there is no table of observatories.
 */
std::unique_ptr<casacore::CoordinateSystem> restore_coordinates(const casacore::TableRecord &record, int ndim)
{
	std::unique_ptr<casacore::CoordinateSystem> coords;
	try {
		casacore::TableRecord nameless;
		nameless.defineRecord("coords", record.subRecord("coords"));
		if (nameless.subRecord("coords").isDefined("telescope"))
			nameless.rwSubRecord("coords").removeField("telescope");
		coords.reset(casacore::CoordinateSystem::restore(nameless, "coords"));
	} catch (const std::exception &error) {
		throw std::runtime_error(std::string("casacore cannot restore the coordinates: ") + error.what());
	}
	if (!coords)
		throw std::runtime_error("casacore cannot restore the coordinates");
	if (coords->nPixelAxes() != static_cast<casacore::uInt>(ndim))
		throw std::runtime_error("the coordinates have " + std::to_string(coords->nPixelAxes()) +
					 " pixel axes, the image has " + std::to_string(ndim));
	return coords;
}

void read_request(request &wanted)
{
	std::vector<char> bytes = read_input();
	try {
		decode_record(bytes, wanted.record);
	} catch (const std::exception &error) {
		throw std::runtime_error(std::string("casacore cannot read the request: ") + error.what());
	}
	check_fields(wanted.record);
	int ndim = wanted.record.asInt("ndim");
	if (ndim < 1 || ndim > max_dimensions)
		throw std::runtime_error("an image cannot have " + std::to_string(ndim) + " axes");
	wanted.shape = casacore::IPosition(static_cast<casacore::uInt>(ndim), 1);
	wanted.coords = restore_coordinates(wanted.record, ndim);
	wanted.type = wanted.record.asString("type");
}

std::vector<log_row> read_rows(const casacore::LoggerHolder &logger)
{
	const casacore::LogSink &sink = logger.sink();
	unsigned nrows = sink.nelements();
	if (nrows > max_history_rows)
		throw std::runtime_error("it has " + std::to_string(nrows) + " rows");
	std::vector<log_row> rows;
	for (unsigned row = 0; row < nrows; row++)
		rows.push_back({ sink.getTime(row), sink.getMessage(row), sink.getPriority(row), sink.getLocation(row),
				 sink.getObjectID(row) });
	return rows;
}

/* The numbers of the log tables in SCRATCH/history, ascending. */
std::vector<unsigned long> list_histories()
{
	std::vector<unsigned long> numbers;
	DIR *directory = opendir("history");
	if (!directory)
		return numbers;
	while (const dirent *entry = readdir(directory)) {
		if (entry->d_name[0] != '.')
			numbers.push_back(std::strtoul(entry->d_name, nullptr, 10));
	}
	closedir(directory);
	std::sort(numbers.begin(), numbers.end());
	return numbers;
}

std::vector<log_row> read_history(const std::string &path)
{
	struct stat st;
	if (lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode))
		return read_rows(fitsheader::open(path)->logger());
	return read_rows(casacore::LoggerHolder(path, false));
}

/* Of each table all rows or none: half a history would be taken for a whole one. */
std::vector<log_row> read_histories()
{
	std::vector<log_row> rows;
	for (unsigned long number : list_histories()) {
		try {
			std::vector<log_row> more = read_history("history/" + std::to_string(number));
			rows.insert(rows.end(), more.begin(), more.end());
		} catch (const std::exception &error) {
			warn(std::string("casacore cannot read the history: ") + error.what());
		}
	}
	return rows;
}

/*
 * The rows are put into the log table with the times they have. Posting them
 * would give them the time of now.
 */
void write_history(casacore::LoggerHolder &logger, const std::vector<log_row> &rows,
		   const casacore::TableRecord &record)
{
	casacore::LogSink &sink = logger.sink();
	if (sink.nelements() > 0)
		sink.clearLocally();
	for (const log_row &row : rows)
		sink.writeLocally(row.time, row.message, row.priority, row.location, row.object_id);
	sink.writeLocally(record.asDouble("time"), record.asString("message"), "INFO", "subcubefs", "");
	/*
	 * Rows alone leave the old number of them in table.dat, and the true one in
	 * table.lock only; asking to write keywords makes the table write table.dat anew.
	 */
	dynamic_cast<casacore::TableLogSink &>(sink.localSink()).table().rwKeywordSet();
	logger.flush();
}

template <typename T> void set_image_info(casacore::PagedImage<T> &image, const casacore::TableRecord &record)
{
	casacore::ImageInfo info;
	casacore::String error;
	bool good = false;
	try {
		good = info.fromRecord(error, record.asRecord("imageinfo"));
	} catch (const std::exception &exception) {
		error = exception.what();
	}
	if (!good)
		throw std::runtime_error("casacore cannot restore the image information: " + error);
	if (!image.setImageInfo(info))
		throw std::runtime_error("casacore cannot save the image information");
}

template <typename T> void make_image(const request &wanted, const std::vector<log_row> &rows)
{
	casacore::PagedImage<T> image(casacore::TiledShape(wanted.shape), *wanted.coords, "image");
	if (wanted.record.isDefined("imageinfo"))
		set_image_info(image, wanted.record);
	/* The very record: casacore has understood it, but not all of it comes back from there. */
	image.table().rwKeywordSet().defineRecord("coords", wanted.record.subRecord("coords"));
	/* As a keyword, for setUnits refuses units that casacore does not know but reads with a shrug. */
	if (wanted.record.isDefined("units"))
		image.table().rwKeywordSet().define("units", wanted.record.asString("units"));
	image.set(T(0));
	if (wanted.record.asBool("mask"))
		image.makeMask("mask0", true, true, true, true);
	write_history(image.logger(), rows, wanted.record);
	image.flush();
}

void make_image_of_type(const request &wanted, const std::vector<log_row> &rows)
{
	if (wanted.type == "float")
		make_image<casacore::Float>(wanted, rows);
	else if (wanted.type == "double")
		make_image<casacore::Double>(wanted, rows);
	else if (wanted.type == "complex")
		make_image<casacore::Complex>(wanted, rows);
	else if (wanted.type == "dcomplex")
		make_image<casacore::DComplex>(wanted, rows);
	else
		throw std::runtime_error("images of type " + wanted.type + " are not known");
}

/*
 * A casacore without settings and without measures data: what it makes must not
 * depend on the machine, and it must not lock the machine's tables.
 */
class no_state : public casacore::AppState
{
      public:
	bool initialized() const override
	{
		return true;
	}
	/* A list in some versions of casacore, a reference to one in others. */
	decltype(std::declval<const casacore::AppState &>().dataPath()) dataPath() const override
	{
		static const std::list<std::string> nowhere = { "/nonexistent" };
		return nowhere;
	}
};

void isolate_casacore()
{
	casacore::AppStateSource::initialize(new no_state);
	/* Its log goes to standard error unless told otherwise. */
	casacore::LogSinkInterface *nowhere = new casacore::NullLogSink;
	casacore::LogSink::globalSink(nowhere);
}

void run(const char *scratch, bool fits)
{
	/* From inside, so that no part of the path can be taken by casacore for a variable or a user's home. */
	if (chdir(scratch) < 0)
		throw std::runtime_error(std::string(scratch) + ": " + std::strerror(errno));
	confine::shut_in(scratch);
	isolate_casacore();
	if (fits) {
		fitsheader::write_records();
		return;
	}
	request wanted;
	read_request(wanted);
	make_image_of_type(wanted, read_histories());
	if (std::fflush(stdout) != 0)
		throw std::runtime_error("cannot write to standard output");
}

const char usage[] = "Usage: subcubefs-header [--fits] SCRATCH < REQUEST\n"
		     "\n"
		     "Makes the tables of an image of one pixel in the directory SCRATCH. subcubefs\n"
		     "and subcube-materialize start this program; it is of no use by itself.\n";

} // namespace

int main(int argc, char **argv)
{
	if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
		std::fputs(usage, stdout);
		return std::fflush(stdout) == 0 ? 0 : 1;
	}
	if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
		std::puts("subcubefs-header " SC_VERSION);
		std::fputs(confine::missing().c_str(), stdout);
		return std::fflush(stdout) == 0 ? 0 : 1;
	}
	bool fits = argc == 3 && std::strcmp(argv[1], "--fits") == 0;
	const char *scratch = argv[argc - 1];
	if (argc != (fits ? 3 : 2) || scratch[0] == '\0' || scratch[0] == '-') {
		std::fputs("subcubefs-header: expected one argument, a scratch directory (see --help)\n", stderr);
		return 1;
	}
	try {
		confine::set_limits();
		run(scratch, fits);
	} catch (const std::exception &error) {
		confine::die(error.what());
	} catch (...) {
		confine::die("unknown exception");
	}
	/* All is written; casacore's global objects need no farewell, which takes as long as the work. */
	_exit(0);
}
