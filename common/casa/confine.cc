#include "confine.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace confine
{

namespace
{

constexpr rlim_t max_memory_bytes = rlim_t{ 1 } << 30;
constexpr rlim_t max_processor_seconds = 60;
constexpr rlim_t max_file_bytes = rlim_t{ 256 } << 20;
constexpr size_t max_line_bytes = 800;

void limit(int resource, rlim_t value)
{
	struct rlimit current;
	if (getrlimit(static_cast<__rlimit_resource_t>(resource), &current) < 0)
		throw std::runtime_error(std::string("cannot read a limit: ") + std::strerror(errno));
	/* Nobody but root may raise a hard limit, and a lower one is as good. */
	if (current.rlim_max != RLIM_INFINITY && current.rlim_max < value)
		value = current.rlim_max;
	struct rlimit wanted = { value, value };
	if (setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted) < 0)
		throw std::runtime_error(std::string("cannot set a limit: ") + std::strerror(errno));
}

void write_stderr(const char *text, size_t size)
{
	/* Nothing is left to be done when it fails. */
	ssize_t put = write(STDERR_FILENO, text, size);
	(void)put;
}

const char *crash_text(int number)
{
	switch (number) {
	case SIGXCPU:
		return "subcubefs-header: it took more than 60 s of processor time\n";
	case SIGABRT:
		return "subcubefs-header: casacore aborted\n";
	case SIGFPE:
		return "subcubefs-header: casacore crashed: arithmetic error\n";
	default:
		return "subcubefs-header: casacore crashed: segmentation fault\n";
	}
}

void on_crash(int number)
{
	const char *text = crash_text(number);
	write_stderr(text, std::strlen(text));
	_exit(1);
}

/* Exceptions that leave a destructor, of which casacore's tables have some that write. */
[[noreturn]] void on_terminate()
{
	std::exception_ptr current = std::current_exception();
	try {
		if (current)
			std::rethrow_exception(current);
	} catch (const std::exception &error) {
		die(error.what());
	} catch (...) {
	}
	die("casacore ended without a reason");
}

void catch_crashes()
{
	/* A stack of its own: a record nested a million times deep uses the other one up. */
	static char stack[65536];
	stack_t alternative = {};
	alternative.ss_sp = stack;
	alternative.ss_size = sizeof stack;
	sigaltstack(&alternative, nullptr);
	struct sigaction action = {};
	action.sa_handler = on_crash;
	action.sa_flags = SA_ONSTACK;
	for (int number : { SIGXCPU, SIGABRT }) {
		sigaction(number, &action, nullptr);
	}
#ifndef SC_ADDRESS_SANITIZER
	/* The sanitizer has better handlers. */
	for (int number : { SIGSEGV, SIGBUS, SIGFPE, SIGILL }) {
		sigaction(number, &action, nullptr);
	}
#endif
	std::signal(SIGXFSZ, SIG_IGN); /* a write that fails is an error like others */
	std::set_terminate(on_terminate);
}

/* The kernel's signal is for a parent's thread that dies from now on; one that has died before left a broken pipe. */
void end_with_parent()
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		throw std::runtime_error(std::string("prctl: ") + std::strerror(errno));
	struct pollfd output = { STDOUT_FILENO, 0, 0 };
	if (poll(&output, 1, 0) == 1 && (output.revents & POLLERR))
		_exit(1);
}

void clear_environment()
{
	/* A user's .casarc may ask for another byte order; CASARCFILES names the files read in its place. */
	if (clearenv() != 0 || setenv("CASARCFILES", "/dev/null", 1) < 0 || setenv("HOME", "/nonexistent", 1) < 0)
		throw std::runtime_error("cannot clear the environment");
}

} // namespace

void set_limits()
{
	end_with_parent();
	closefrom(STDERR_FILENO + 1);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, max_processor_seconds);
	limit(RLIMIT_FSIZE, max_file_bytes);
#ifndef SC_ADDRESS_SANITIZER
	/* The sanitizer's shadow takes terabytes of addresses. */
	limit(RLIMIT_AS, max_memory_bytes);
#endif
	umask(077);
	catch_crashes();
	clear_environment();
}

std::string one_line(const std::string &text)
{
	std::string line;
	for (char c : text) {
		if (line.size() >= max_line_bytes)
			return line + "...";
		bool blank = static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == ' ';
		if (!blank)
			line += c;
		else if (!line.empty() && line.back() != ' ')
			line += ' ';
	}
	while (!line.empty() && line.back() == ' ')
		line.pop_back();
	return line;
}

void die(const std::string &text)
{
	std::string line = "subcubefs-header: " + one_line(text) + "\n";
	write_stderr(line.data(), line.size());
	_exit(1);
}

} // namespace confine
