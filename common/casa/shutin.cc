#include "confine.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#ifdef SC_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
#define SC_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SC_AUDIT_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SC_AUDIT_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define SC_AUDIT_ARCH AUDIT_ARCH_PPC64LE
#endif

namespace confine
{

namespace
{

[[noreturn]] void fail(const char *what)
{
	throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/* --- files --- */

/* As newer kernels have it: a system's headers may know less than its kernel. */
struct ruleset {
	uint64_t files, network, scopes;
};

constexpr uint64_t network_access = 3; /* bind and connect, since version 4 */
constexpr uint64_t scopes = 3;         /* signals and abstract sockets, since version 6 */

/* 0: there is none. */
long landlock_version()
{
	long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return version < 0 ? 0 : version;
}

/* All that can be done to files, in the bits of this version: 13, and one more each in 2, 3 and 5. */
uint64_t file_access(long version)
{
	int bits = 13 + (version >= 2) + (version >= 3) + (version >= 5);
	return (uint64_t{ 1 } << bits) - 1;
}

void allow_beneath(int rules, const char *directory, uint64_t access)
{
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail(directory);
	struct landlock_path_beneath_attr beneath = { access, fd };
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		fail("Landlock");
	close(fd);
}

#ifdef SC_ADDRESS_SANITIZER
/* It reads much; where its reports go, it opens when it is asked for the path. */
void allow_sanitizer(int rules)
{
	allow_beneath(rules, "/", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
	__sanitizer_get_report_path();
}
#endif

void shut_files()
{
	long version = landlock_version();
	if (version == 0)
		return;
	struct ruleset handled = { file_access(version), version >= 4 ? network_access : 0, version >= 6 ? scopes : 0 };
	size_t size = version >= 6 ? sizeof handled : version >= 4 ? offsetof(struct ruleset, scopes) : sizeof(uint64_t);
	int rules = static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, size, 0));
	if (rules < 0)
		fail("Landlock");
	allow_beneath(rules, ".", handled.files & ~uint64_t{ LANDLOCK_ACCESS_FS_EXECUTE });
#ifdef SC_ADDRESS_SANITIZER
	allow_sanitizer(rules);
#endif
	if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		fail("Landlock");
	close(rules);
}

/* --- system calls --- */

#ifdef SC_AUDIT_ARCH

/* What a maker of tables never does. Landlock knows nothing of owners, modes, times and attributes. */
const int denied[] = {
	SYS_socket, SYS_socketpair, SYS_io_uring_setup,
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_tkill,
	SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open, SYS_pidfd_getfd, SYS_pidfd_send_signal,
	SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
	SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
#ifdef SYS_chmod
	SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
	SYS_mount, SYS_umount2, SYS_chroot, SYS_unshare, SYS_setns, SYS_bpf, SYS_keyctl, SYS_add_key, SYS_request_key,
	SYS_perf_event_open, SYS_shmget, SYS_msgget, SYS_mq_open,
};

constexpr uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
/* casacore syncs a dozen times what is scratch, and need not outlast a loss of power: done, and nothing was. */
constexpr uint32_t done = SECCOMP_RET_ERRNO;

void add(std::vector<struct sock_filter> &filter, uint16_t code, uint32_t value, uint8_t if_true = 0, uint8_t if_false = 0)
{
	filter.push_back({ code, if_true, if_false, value });
}

/* When what was loaded last is `value`, the answer is `result`. */
void answer(std::vector<struct sock_filter> &filter, uint16_t comparison, uint32_t value, uint32_t result)
{
	add(filter, static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, 1);
	add(filter, BPF_RET | BPF_K, result);
}

void shut_calls()
{
	constexpr uint16_t load = BPF_LD | BPF_W | BPF_ABS;
	std::vector<struct sock_filter> filter;
	add(filter, load, offsetof(struct seccomp_data, arch));
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, SC_AUDIT_ARCH, 1, 0);
	add(filter, BPF_RET | BPF_K, refuse);
	add(filter, load, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	answer(filter, BPF_JGE, 0x40000000, refuse); /* x32, the same calls by other numbers */
#endif
	for (int number : denied)
		answer(filter, BPF_JEQ, static_cast<uint32_t>(number), refuse);
	answer(filter, BPF_JEQ, SYS_fsync, done);
	add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { static_cast<unsigned short>(filter.size()), filter.data() };
	/* A kernel without it says EINVAL or ENOSYS. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 && errno != EINVAL && errno != ENOSYS)
		fail("seccomp");
}

bool can_shut_calls()
{
	uint32_t action = SECCOMP_RET_ERRNO;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

#else

void shut_calls()
{
}

bool can_shut_calls()
{
	return false;
}

#endif

/* --- capabilities --- */

void set_capabilities(const struct __user_cap_data_struct *sets)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	if (syscall(SYS_capset, &header, sets) < 0)
		fail("capabilities");
}

void drop_capabilities(const char *scratch)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct had[2], none[2] = {};
	if (syscall(SYS_capget, &header, had) < 0)
		fail("capabilities");
	none[0].permitted = had[0].permitted;
	none[1].permitted = had[1].permitted;
	set_capabilities(none);
	/* Root's TMPDIR may lie in a directory that is another user's alone: then it needs them to get there. */
	if (faccessat(AT_FDCWD, scratch, R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		set_capabilities(had);
		return;
	}
	none[0].permitted = none[1].permitted = 0;
	set_capabilities(none);
}

} // namespace

void shut_in(const char *scratch)
{
	drop_capabilities(scratch);
	shut_files();
	shut_calls();
}

std::string missing()
{
	std::string lines;
	if (landlock_version() == 0)
		lines += "no Landlock in this kernel: files outside the scratch directory are not shut off\n";
	if (!can_shut_calls())
		lines += "no seccomp filters here: network and other processes are not shut off\n";
	return lines;
}

} // namespace confine
