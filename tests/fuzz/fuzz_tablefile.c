/*
 * table.dat. Decoded keywords encode to a file that decodes to the same keywords, and that again to the same bytes.
 */
#include "fuzz.h"

#include "tablefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sc_error err = { 0 };
	struct sc_tablefile table, again;
	sc_autofree uint8_t *first = NULL, *second = NULL;
	size_t first_size, second_size;
	int rc = sc_tablefile_decode(data, size, "table.dat", &table, &err);
	if (rc < 0) {
		fuzz_require_error(rc, &err);
		return 0;
	}
	fuzz_require(table.after_end <= size && table.keywords);
	fuzz_require(sc_tablefile_encode(&table, &first, &first_size) == 0);
	fuzz_require(sc_tablefile_decode(first, first_size, "table.dat", &again, &err) == 0);
	fuzz_require(again.nrows == table.nrows && again.big_endian == table.big_endian);
	fuzz_require(again.ncolumns == table.ncolumns);
	fuzz_require(sc_record_equal(again.keywords, table.keywords));
	sc_autorecord struct sc_record *copy = sc_record_copy(table.keywords);
	fuzz_require(copy && sc_record_equal(copy, table.keywords));
	fuzz_require(sc_tablefile_encode(&again, &second, &second_size) == 0);
	fuzz_require_same(first, first_size, second, second_size);
	sc_tablefile_clear(&table);
	sc_tablefile_clear(&again);
	return 0;
}
