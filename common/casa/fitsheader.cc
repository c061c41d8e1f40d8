#include "fitsheader.h"

#include <casacore/casa/Arrays/Vector.h>
#include <casacore/casa/IO/AipsIO.h>
#include <casacore/coordinates/Coordinates/CoordinateSystem.h>
#include <casacore/images/Images/ImageInfo.h>
#include <casacore/images/Images/ImageOpener.h>
#include <casacore/lattices/Lattices/LatticeBase.h>
#include <casacore/tables/Tables/TableRecord.h>

#include <iostream>
#include <stdexcept>
#include <sys/stat.h>

namespace fitsheader
{

namespace
{

void add_image_info(const casacore::ImageInfo &info, casacore::TableRecord &record)
{
	casacore::Record fields;
	casacore::String error;
	if (!info.toRecord(error, fields))
		throw std::runtime_error("casacore cannot save the image information: " + error);
	record.defineRecord("imageinfo", casacore::TableRecord(fields));
}

casacore::TableRecord describe(const casacore::ImageInterface<casacore::Float> &image)
{
	casacore::TableRecord record;
	if (!image.coordinates().save(record, "coords"))
		throw std::runtime_error("casacore cannot save the coordinates");
	if (!image.units().getName().empty())
		record.define("units", image.units().getName());
	add_image_info(image.imageInfo(), record);
	record.defineRecord("miscinfo", casacore::TableRecord(image.miscInfo()));
	casacore::IPosition shape = image.shape();
	casacore::Vector<casacore::Int64> lengths(shape.nelements());
	for (unsigned i = 0; i < shape.nelements(); i++)
		lengths[i] = shape[i];
	record.define("shape", lengths);
	return record;
}

} // namespace

/* By its name, not by its class: that one's header needs the headers of the FITS library. */
std::unique_ptr<casacore::ImageInterface<casacore::Float>> open(const std::string &path)
{
	std::unique_ptr<casacore::LatticeBase> lattice(casacore::ImageOpener::openImage(path));
	auto *image = dynamic_cast<casacore::ImageInterface<casacore::Float> *>(lattice.get());
	if (!image || image->imageType() != "FITSImage")
		throw std::runtime_error("casacore sees no FITS image in it");
	lattice.release();
	return std::unique_ptr<casacore::ImageInterface<casacore::Float>>(image);
}

void write_records()
{
	/* What casacore's FITS classes have to say they say there, card by card. */
	std::cout.rdbuf(nullptr);
	std::cerr.rdbuf(nullptr);
	for (unsigned number = 0;; number++) {
		std::string name = std::to_string(number);
		struct stat st;
		if (lstat((name + ".fits").c_str(), &st) < 0)
			return;
		casacore::TableRecord record = describe(*open(name + ".fits"));
		casacore::AipsIO stream(name + ".record", casacore::ByteIO::NewNoReplace);
		stream << record;
	}
}

} // namespace fitsheader
