/*
 * parts.h - real parts in the temporary directory, and changes to their tables.
 */
#ifndef SC_PARTS_H
#define SC_PARTS_H

#include "workdir.h"

#include "subcube.h"
#include "tablefile.h"
#include "tsm.h"

/* Decodes PART/table.dat, lets `change` edit it and writes it back. */
static inline void part_edit_table(const char *path, void (*change)(struct sc_tablefile *table))
{
	struct sc_tablefile table;
	struct sc_error err = { 0 };
	size_t size;
	sc_autofree uint8_t *data = workdir_read(workdir_fd, path, &size), *again = NULL;
	if (sc_tablefile_decode(data, size, path, &table, &err) < 0)
		fail_msg("%s", err.text);
	change(&table);
	assert_int_equal(sc_tablefile_encode(&table, &again, &size), 0);
	workdir_write(path, again, size);
	sc_tablefile_clear(&table);
}

/* The same for a table.f0. */
static inline void part_edit_tsm(const char *path, void (*change)(struct sc_tsm *tsm))
{
	struct sc_tsm tsm;
	struct sc_error err = { 0 };
	size_t size;
	sc_autofree uint8_t *data = workdir_read(workdir_fd, path, &size), *again = NULL;
	if (sc_tsm_decode(data, size, path, &tsm, &err) < 0)
		fail_msg("%s", err.text);
	change(&tsm);
	assert_int_equal(sc_tsm_encode(&tsm, &again, &size), 0);
	workdir_write(path, again, size);
}

#endif
