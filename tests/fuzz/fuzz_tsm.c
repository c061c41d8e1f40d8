/*
 * table.f0, and the arithmetic over the shapes in it: a cube of one part and a blank one, cut as the part is.
 */
#include "fuzzlayout.h"

#include "tsm.h"

static void check_numbers(const struct sc_tsm *tsm)
{
	fuzz_require(tsm->ndim >= 1 && tsm->ndim <= SC_MAXDIM && sc_tsm_type_bits(tsm->type) > 0);
	fuzz_require(tsm->offset_bytes <= INT64_MAX);
	for (int i = 0; i < tsm->ndim; i++)
		fuzz_require(tsm->shape[i] > 0 && tsm->tile[i] > 0 && tsm->default_tile[i] > 0);
}

static void check_encoding(const struct sc_tsm *tsm)
{
	struct sc_error err = { 0 };
	struct sc_tsm again;
	sc_autofree uint8_t *first = NULL, *second = NULL;
	size_t first_size, second_size, lengths = (size_t)tsm->ndim * sizeof(tsm->shape[0]);
	fuzz_require(sc_tsm_encode(tsm, &first, &first_size) == 0);
	fuzz_require(sc_tsm_decode(first, first_size, "table.f0", &again, &err) == 0);
	fuzz_require(again.big_endian == tsm->big_endian && again.sequence == tsm->sequence &&
		     again.type == tsm->type && again.max_cache_bytes == tsm->max_cache_bytes &&
		     again.ndim == tsm->ndim && again.file == tsm->file && again.file_bytes == tsm->file_bytes &&
		     again.offset_bytes == tsm->offset_bytes && strcmp(again.hypercolumn, tsm->hypercolumn) == 0);
	fuzz_require(memcmp(again.shape, tsm->shape, lengths) == 0 && memcmp(again.tile, tsm->tile, lengths) == 0 &&
		     memcmp(again.default_tile, tsm->default_tile, lengths) == 0);
	fuzz_require(sc_tsm_encode(&again, &second, &second_size) == 0);
	fuzz_require_same(first, first_size, second, second_size);
}

static void check_layout(const struct sc_tsm *tsm)
{
	struct sc_layout layout;
	struct sc_storage storage = { .offset_bytes = tsm->offset_bytes, .big_endian = tsm->big_endian };
	struct sc_error err = { 0 };
	uint32_t index;
	int axis = tsm->ndim - 1;
	int64_t tile[SC_MAXDIM];
	if (sc_layout_init(&layout, tsm->ndim, tsm->shape, axis, tsm->type, &err) < 0)
		return;
	memcpy(storage.tile, tsm->tile, sizeof(storage.tile));
	for (int i = 0; i < tsm->ndim; i++)
		tile[i] = tsm->tile[i] < tsm->shape[i] || i == axis ? tsm->tile[i] : tsm->shape[i];
	fuzz_require(sc_layout_add_storage(&layout, &storage, &index, &err) == 0);
	if (sc_layout_add_slab(&layout, tsm->shape[axis], index, &err) == 0 &&
	    sc_layout_add_slab(&layout, 3, SC_STORAGE_ONES, &err) == 0 &&
	    sc_layout_set_tile(&layout, tile, tsm->big_endian, &err) == 0)
		fuzz_check_layout(&layout);
	sc_layout_clear(&layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sc_error err = { 0 };
	struct sc_tsm tsm;
	int rc = sc_tsm_decode(data, size, "table.f0", &tsm, &err);
	if (rc < 0) {
		fuzz_require_error(rc, &err);
		return 0;
	}
	check_numbers(&tsm);
	check_encoding(&tsm);
	check_layout(&tsm);
	return 0;
}
