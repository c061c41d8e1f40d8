/*
 * Shuts itself in as the header program does and tells what it can do then.
 *
 *   confined SCRATCH VICTIM     VICTIM: a file elsewhere, in a directory that it could write to
 *   confined [--fits] SCRATCH   as the header program is started: hangs
 *
 * A line for each thing tried: its name and the error, 0 when it succeeded.
 */
#include "confine.h"

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/capability.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace
{

/* `call` returns -1 and sets errno, as system calls do. */
void attempt(const char *name, const std::function<long()> &call)
{
	errno = 0;
	long result = call();
	std::printf("%s %d\n", name, result < 0 ? errno : 0);
}

void try_files(const std::string &victim)
{
	const std::string directory = victim.substr(0, victim.rfind('/')), fresh = directory + "/new";
	attempt("read", [&] { return open(victim.c_str(), O_RDONLY); });
	attempt("list", [&] { return open(directory.c_str(), O_RDONLY | O_DIRECTORY); });
	attempt("write", [&] { return open(victim.c_str(), O_WRONLY); });
	attempt("append", [&] { return open(victim.c_str(), O_WRONLY | O_APPEND); });
	attempt("truncate", [&] { return truncate(victim.c_str(), 0); });
	attempt("create", [&] { return open(fresh.c_str(), O_WRONLY | O_CREAT, 0600); });
	attempt("mkdir", [&] { return mkdir(fresh.c_str(), 0700); });
	attempt("symlink", [&] { return symlink("x", fresh.c_str()); });
	attempt("mkfifo", [&] { return mkfifo(fresh.c_str(), 0600); });
	attempt("link in", [&] { return link(victim.c_str(), "linked"); });
	attempt("link out", [&] { return link("own", fresh.c_str()); });
	attempt("rename", [&] { return rename(victim.c_str(), fresh.c_str()); });
	attempt("rename in", [&] { return rename(victim.c_str(), "taken"); });
	attempt("rename out", [&] { return rename("own", fresh.c_str()); });
	attempt("unlink", [&] { return unlink(victim.c_str()); });
	attempt("chmod", [&] { return chmod(victim.c_str(), 0777); });
	attempt("fchmodat", [&] { return fchmodat(AT_FDCWD, victim.c_str(), 0777, 0); });
	attempt("chown", [&] { return chown(victim.c_str(), getuid(), getgid()); });
	attempt("utimes", [&] { return utimensat(AT_FDCWD, victim.c_str(), nullptr, 0); });
	attempt("setxattr", [&] { return setxattr(victim.c_str(), "user.x", "1", 1, 0); });
	attempt("device", [&] { return open("/dev/fuse", O_RDWR); });
	attempt("dotdot", [&] { return open("../escaped", O_WRONLY | O_CREAT, 0600); });
}

void try_network()
{
	attempt("socket inet", [] { return socket(AF_INET, SOCK_STREAM, 0); });
	attempt("socket inet6", [] { return socket(AF_INET6, SOCK_DGRAM, 0); });
	attempt("socket unix", [] { return socket(AF_UNIX, SOCK_STREAM, 0); });
	attempt("socket netlink", [] { return socket(AF_NETLINK, SOCK_RAW, 0); });
	attempt("socketpair", [] {
		int ends[2];
		return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	});
	attempt("io_uring", [] { return syscall(SYS_io_uring_setup, 1, nullptr); });
}

void try_processes()
{
	attempt("kill", [] { return kill(getppid(), 0); });
	attempt("ptrace", [] { return ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr); });
	attempt("exec", [] {
		char *argv[] = { const_cast<char *>("true"), nullptr };
		return static_cast<long>(execv("/bin/true", argv));
	});
	attempt("unshare", [] { return unshare(CLONE_NEWUSER); });
}

/* What it must be able to do. */
void try_own()
{
	attempt("own create", [] { return open("own", O_RDWR | O_CREAT, 0600); });
	attempt("own truncate", [] { return truncate("own", 10); });
	attempt("own rename", [] { return rename("own", "own2"); });
	attempt("own rename back", [] { return rename("own2", "own"); });
	attempt("own mkdir", [] { return mkdir("table", 0700); });
	attempt("own nested", [] { return open("table/file", O_WRONLY | O_CREAT, 0600); });
	attempt("own rename across", [] { return rename("table/file", "file"); });
	attempt("own list", [] { return open(".", O_RDONLY | O_DIRECTORY); });
	attempt("own rmdir", [] { return rmdir("table"); });
	/* A pipe cannot be synced: who is told so did ask. */
	attempt("sync", [] {
		int ends[2];
		return pipe(ends) < 0 ? -1 : fsync(ends[1]);
	});
}

void tell_limits()
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2] = {};
	syscall(SYS_capget, &header, sets);
	std::printf("capabilities %u\n", sets[0].permitted | sets[1].permitted | sets[0].effective | sets[1].effective);
	std::printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	int signal = 0;
	prctl(PR_GET_PDEATHSIG, &signal);
	std::printf("parent_death_signal %d\n", signal);
	struct rlimit memory, time, files;
	getrlimit(RLIMIT_AS, &memory);
	getrlimit(RLIMIT_CPU, &time);
	getrlimit(RLIMIT_FSIZE, &files);
	std::printf("limited %d\n", (memory.rlim_cur != RLIM_INFINITY) + (time.rlim_cur != RLIM_INFINITY) +
				      (files.rlim_cur != RLIM_INFINITY));
	attempt("memory", [] {
		return mmap(nullptr, size_t{ 2 } << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
			   ? -1L
			   : 0L;
	});
}

int count_descriptors()
{
	int count = 0;
	for (int fd = 3; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

} // namespace

int main(int argc, char **argv)
{
	const char *scratch = argv[argc > 2 && std::strcmp(argv[1], "--fits") == 0 ? 2 : 1];
	bool hangs = argc == 2 || scratch == argv[2];
	try {
		confine::set_limits();
		int inherited = count_descriptors();
		if (chdir(scratch) < 0)
			return 1;
		confine::shut_in(scratch);
		if (hangs) {
			for (;;)
				pause();
		}
		std::printf("descriptors %d\n", inherited);
		tell_limits();
		try_own();
		try_files(argv[2]);
		try_network();
		try_processes();
	} catch (const std::exception &error) {
		confine::die(error.what());
	}
	std::fflush(stdout);
	_exit(0);
}
