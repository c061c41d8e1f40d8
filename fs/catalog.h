/*
 * catalog.h - what the mount shows: the products of the source as a tree of
 * nodes with attributes (generation.h). Knows nothing of FUSE.
 *
 * A product's view is built at the first look into it, in a thread of the
 * catalog's own. The attributes of a view's directory need the parts' directories only, and
 * are looked at there too. A request that needs what is not there yet hands over a
 * waiter and returns SC_CATALOG_WAIT; it is woken when it may ask again. So requests do not wait for
 * storage, sc_catalog_source excepted, and a view that takes for ever holds up those only who want it: as long as the
 * catalog has threads (SC_CATALOG_THREADS) for the others, and can start one. Who makes the catalog or tells it to look
 * again does wait.
 *
 * Where the source can change, the catalog is told to look again (refresh.h):
 * names appear and vanish, and a name goes over to a new generation of its image when the parts are
 * others. Whoever has files of the old one open keeps it.
 *
 * Thread-safe. Functions return 0, SC_CATALOG_WAIT or -errno; what went wrong
 * with a view goes to the log, and its callers get -EIO.
 */
#ifndef SC_CATALOG_H
#define SC_CATALOG_H

#include "generation.h"
#include "scan.h"

#include <limits.h>

#define SC_CATALOG_ROOT UINT64_C(1)

#define SC_CATALOG_WAIT 1

/* A view that could not be built is not tried again before this time. */
#define SC_CATALOG_RETRY_NS INT64_C(2000000000)

/* A name goes over to its new generation when no file of the old one was opened for so long, or after this time. */
#define SC_CATALOG_QUIET_NS INT64_C(1000000000)
#define SC_CATALOG_SWITCH_NS INT64_C(10000000000)

struct sc_catalog;

/*
 * Woken once, from a thread of the catalog's; where none can be started, by whoever asks. `ended`: there is no answer to
 * come, the catalog is being stopped.
 */
struct sc_waiter {
	void (*wake)(struct sc_waiter *waiter, bool ended);
	/* The catalog's own. */
	unsigned wants; /* what it has waited for last: it does not wait for that again */
	struct sc_waiter *next;
};

struct sc_catalog_options {
	const struct sc_source *source; /* outlives the catalog */
	const struct sc_view_options *view;
	uid_t uid; /* the mounting user */
	gid_t gid;
	bool refreshing; /* the source is looked at again */
	int64_t grace_ns; /* a replaced generation that is not open stays for so long: somebody may just have found it */
};

/* Takes over what is in `scan`. */
int sc_catalog_new(const struct sc_catalog_options *options, struct sc_scan *scan, struct sc_catalog **ret_catalog,
		   struct sc_error *err);

/* False: a thread that waits for the storage has not ended in so long, and the catalog cannot be freed. Wakes who waits. */
bool sc_catalog_stop(struct sc_catalog *catalog, unsigned patience_ms);
void sc_catalog_free(struct sc_catalog *catalog);

/* Who is told, from now on, before a view is freed; NULL: nobody. */
void sc_catalog_set_forget(struct sc_catalog *catalog, void (*forget)(void *context, const struct sc_view *view),
			   void *context);

/* Names that are shown. */
size_t sc_catalog_count(struct sc_catalog *catalog);

/* One sentence on the products of which no part is settled, so that they are not shown; NULL: there are none. Caller frees. */
char *sc_catalog_describe_hidden(struct sc_catalog *catalog);

/* --- requests --- */

int sc_catalog_lookup(struct sc_catalog *catalog, uint64_t directory, const char *name, struct sc_waiter *waiter,
		      struct sc_catalog_node *ret_node);
int sc_catalog_getattr(struct sc_catalog *catalog, uint64_t id, struct sc_waiter *waiter,
		       struct sc_catalog_node *ret_node);

struct sc_catalog_dirent {
	char name[NAME_MAX + 1];
	uint64_t next;       /* the position behind it */
	bool has_attributes; /* else only id, st_ino and the type in st_mode are set in `node` */
	struct sc_catalog_node node;
};

/* The first entry of a directory at or behind `position`, from 0, "." and ".." included; -ENOENT behind the last. */
int sc_catalog_read_directory(struct sc_catalog *catalog, uint64_t id, uint64_t position, struct sc_waiter *waiter,
			      struct sc_catalog_dirent *ret_entry);

/*
 * A node that is open, or used by a request: its generation stays as long as it is. For a
 * file `index` is a file of generation->view.
 */
struct sc_opened {
	struct sc_generation *generation;
	unsigned index;
	pid_t pid;
	bool is_open; /* counts as open */
};

/* For one request. -EISDIR: it is a directory. */
int sc_catalog_hold_file(struct sc_catalog *catalog, uint64_t id, struct sc_opened *ret_opened);

/* Opens a file for the thread `pid`; -ESTALE also when it would get files of two generations (opens.h). */
int sc_catalog_open_file(struct sc_catalog *catalog, uint64_t id, pid_t pid, struct sc_opened *ret_opened);
int sc_catalog_open_directory(struct sc_catalog *catalog, uint64_t id, struct sc_opened *ret_opened);
void sc_catalog_release(struct sc_catalog *catalog, const struct sc_opened *opened);

/* The generation whose view's directory `id` is, for one request, once the view is built if that is wanted; -ENODATA for other nodes. */
int sc_catalog_hold_view(struct sc_catalog *catalog, uint64_t id, bool built, struct sc_waiter *waiter,
			 struct sc_opened *ret_opened);

/*
 * SOURCE/BASE, where the parts are that the generation shows; the caller frees it. -ESTALE: they are not, or not these, because
 * the directory has been replaced since the mount was made, or the generation since. Asks the storage whether the directory
 * is the same, and waits for that.
 */
int sc_catalog_source(struct sc_catalog *catalog, const struct sc_generation *generation, char **ret_path);

/* --- what the mount tells about itself --- */

const char *sc_catalog_source_path(const struct sc_catalog *catalog);

/*
 * What is wrong with the source as a whole, as of the last look; NULL: nothing. The text is copied; the caller frees what
 * it gets.
 */
void sc_catalog_set_problem(struct sc_catalog *catalog, const char *problem);
char *sc_catalog_problem(struct sc_catalog *catalog);

/* The first generation with this number, or a higher one, that is shown or of which something is open. -ENOENT: none. */
struct sc_catalog_listed {
	uint64_t serial;
	char name[NAME_MAX + 1];
};
int sc_catalog_next_generation(struct sc_catalog *catalog, uint64_t serial, struct sc_catalog_listed *ret_listed);

/* A number for something else that is shown: nothing has it, nothing will. */
uint64_t sc_catalog_new_serial(struct sc_catalog *catalog);

/* The mount's root directory, but for number and links. */
struct stat sc_catalog_root_stat(struct sc_catalog *catalog);

/* The generation's root below .subcubefs/gen/SERIAL, or what stands in that directory by the name of its image. */
int sc_catalog_find_generation(struct sc_catalog *catalog, uint64_t serial, const char *name,
			       struct sc_waiter *waiter, struct sc_catalog_node *ret_node);

/* With the lock, for all generations and for names without one: what is called must not call the catalog. */
void sc_catalog_each(struct sc_catalog *catalog, void (*see)(void *context, const struct sc_generation *generation),
		     void (*see_hidden)(void *context, const struct sc_product *product, size_t nunsettled,
					const struct sc_unsettled *unsettled),
		     void *context);

/* --- looking again --- */

/*
 * These wait for the storage: called by one thread at a time, which serves no request.
 *
 * Who may enter the mount: as SOURCE and the directories above it are now. 0 or -errno, and what was known stays.
 */
int sc_catalog_look_at_root(struct sc_catalog *catalog, struct sc_error *err);

/*
 * What shows or does not show names: takes over what is in `scan`, and looks whether new products have a settled part.
 * 0, or -ENOMEM, -EMFILE or -ENFILE.
 */
int sc_catalog_update(struct sc_catalog *catalog, struct sc_scan *scan);

/*
 * Looks at the parts of all views that are in use and of all products that
 * are not shown, for those that have changed builds new views in the background. Returns how long the looking took,
 * without the building; a look that takes longer than `patience_s` is not waited for.
 */
int64_t sc_catalog_check(struct sc_catalog *catalog, unsigned patience_s);

/* A generation that has lost its name: the kernel may remember what is in its files. */
struct sc_catalog_change {
	uint64_t serial;
	unsigned nnodes;
	struct sc_catalog_change *next;
};

/*
 * Lets names go over to new generations where that is due, drops old ones
 * that nobody uses; the changes since the last call, in order.
 */
struct sc_catalog_change *sc_catalog_advance(struct sc_catalog *catalog);

#endif
