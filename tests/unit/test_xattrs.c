/* The extended attributes, as far as they are made of a view alone. */
#include "words.h"

#include "view.h"
#include "xattrs.h"

#define NPARTS 4000

static char *get_missing(unsigned every)
{
	static struct sc_part parts[NPARTS];
	static char names[NPARTS][48];
	for (unsigned i = 0; i < NPARTS; i++) {
		snprintf(names[i], sizeof(names[i]), "a_family_of_that_name.subcube.%u.image", i);
		parts[i] = (struct sc_part){ .name = names[i], .blank = i % every == 1, .number = i };
	}
	struct sc_view view = { .parts = parts, .nparts = NPARTS };
	const struct sc_generation generation = { .view = &view, .serial = 17 };
	char *value = NULL;
	assert_int_equal(sc_xattrs_get(NULL, &generation, "", "user.subcubefs.missing", &value), 0);
	return value;
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	sc_autofree char *value = get_missing(2500);
	assert_string_equal(value, "a_family_of_that_name.subcube.1.image,a_family_of_that_name.subcube.2501.image");
}

/* getxattr fails for more than XATTR_SIZE_MAX. */
static void more_than_an_attribute_holds_is_cut(void **state)
{
	(void)state;
	sc_autofree char *value = get_missing(2);
	size_t length = strlen(value);
	assert_in_range(length, 65000, 65536);
	assert_string_equal(value + length - 10, ".image,...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(more_than_an_attribute_holds_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
