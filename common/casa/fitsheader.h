/*
 * fitsheader.h - what casacore makes of the headers of FITS images.
 */
#ifndef SC_CASA_FITSHEADER_H
#define SC_CASA_FITSHEADER_H

#include <casacore/images/Images/ImageInterface.h>

#include <memory>
#include <string>

namespace fitsheader
{

/* Opens a FITS image as casacore's FITSImage; throws when it is none. */
std::unique_ptr<casacore::ImageInterface<casacore::Float>> open(const std::string &path);

/*
 * For 0.fits, 1.fits, ... in the working directory, up to the first that is not there, writes 0.record, 1.record, ...:
 * one AipsIO "TableRecord" each, with the fields of an image's table.dat
 *   coords Record, units String (absent when there is none), imageinfo Record, miscinfo Record
 * and shape, an Int64 array. Throws at the first that casacore cannot read.
 */
void write_records();

} // namespace fitsheader

#endif
