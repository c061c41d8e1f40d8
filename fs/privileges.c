#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MASK(capability) (UINT64_C(1) << (capability))

/* --- users --- */

/* False: it is no number. */
static bool parse_uid(const char *text, uid_t *ret_uid)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	/* The highest one means "no user" to the system calls. */
	if (errno != 0 || *end || number >= (uid_t)-1)
		return false;
	*ret_uid = (uid_t)number;
	return true;
}

static int find_groups(const char *name, struct sc_user *user)
{
	user->ngroups = 0;
	getgrouplist(name, user->gid, NULL, &user->ngroups);
	user->groups = calloc((size_t)user->ngroups + 1, sizeof(*user->groups));
	if (!user->groups)
		return -ENOMEM;
	return getgrouplist(name, user->gid, user->groups, &user->ngroups) < 0 ? -EAGAIN : 0;
}

int sc_user_find(const char *name, struct sc_user *ret_user, struct sc_error *err)
{
	struct sc_user user = { 0 };
	const struct passwd *entry = getpwnam(name);
	if (!entry && !parse_uid(name, &user.uid))
		return sc_error_set(err, -ENOENT, "there is no user '%s'", name);
	if (!entry)
		entry = getpwuid(user.uid);
	int rc = 0;
	if (entry) {
		user.uid = entry->pw_uid;
		user.gid = entry->pw_gid;
		user.home = strdup(entry->pw_dir);
		rc = user.home ? find_groups(entry->pw_name, &user) : -ENOMEM;
	} else {
		user.gid = (gid_t)user.uid;
	}
	if (rc == 0 && user.uid == 0)
		rc = sc_error_set(err, -EINVAL, "user '%s' is root, whose rights are to be dropped", name);
	else if (rc < 0)
		sc_error_errno(err, rc, "user '%s'", name);
	if (rc < 0)
		sc_user_clear(&user);
	else
		*ret_user = user;
	return rc;
}

void sc_user_clear(struct sc_user *user)
{
	free(user->groups);
	free(user->home);
	*user = (struct sc_user){ 0 };
}

/* --- as whom --- */

int sc_privileges_lend(const struct sc_user *user, struct sc_error *err)
{
	if (setgroups((size_t)user->ngroups, user->groups) < 0 || setegid(user->gid) < 0 || seteuid(user->uid) < 0)
		return sc_error_errno(err, -errno, "cannot become user %u", (unsigned)user->uid);
	/* Where root keeps its headers is not where this user may. */
	unsetenv("XDG_CACHE_HOME");
	if ((user->home ? setenv("HOME", user->home, 1) : unsetenv("HOME")) < 0)
		return sc_error_errno(err, -errno, "cannot become user %u", (unsigned)user->uid);
	return 0;
}

int sc_privileges_take_back(struct sc_error *err)
{
	if (seteuid(0) < 0 || setegid(0) < 0)
		return sc_error_errno(err, -errno, "cannot become root again");
	return 0;
}

/* --- for good --- */

/* Gives up all capabilities but those in `keep`. */
static int keep_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	if (syscall(SYS_capget, &header, sets) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		sets[i].permitted &= (uint32_t)(keep >> (32 * i));
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

int sc_privileges_drop(const struct sc_user *user, struct sc_error *err)
{
	if (user && (setgroups((size_t)user->ngroups, user->groups) < 0 ||
		     setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0))
		return sc_error_errno(err, -errno, "cannot become user %u", (unsigned)user->uid);
	int rc = keep_capabilities(user ? 0 : MASK(CAP_DAC_OVERRIDE) | MASK(CAP_DAC_READ_SEARCH));
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	return rc < 0 ? sc_error_errno(err, rc, "cannot give up privileges") : 0;
}

void sc_privileges_keep_unmounting(void)
{
	if (geteuid() != 0)
		return;
	/* What cannot be given up is no reason not to unmount. */
	keep_capabilities(MASK(CAP_SYS_ADMIN) | MASK(CAP_DAC_READ_SEARCH));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
