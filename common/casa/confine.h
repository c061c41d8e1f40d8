/*
 * confine.h - keeps the header program small, quiet and to itself: limits, a
 * clean environment, one line on standard error whatever goes wrong, and no way
 * out of its scratch directory, for what it reads has been written by others.
 *
 *   set_limits   memory, time, file sizes, descriptors, the parent's death
 *   shut_in      files: Landlock (Linux 5.13 or newer, where it is enabled)
 *                network, other processes, owners, modes and times: seccomp
 *                root's capabilities: none are left
 */
#ifndef SC_CASA_CONFINE_H
#define SC_CASA_CONFINE_H

#include <string>

#if defined(__SANITIZE_ADDRESS__)
#define SC_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SC_ADDRESS_SANITIZER 1
#endif
#endif

namespace confine
{

/*
 * Limits memory, processor time and file sizes, closes all descriptors but the
 * standard ones, ends the process with its parent, empties the environment, and
 * lets a crash end in one line and status 1. Throws when the process cannot be confined.
 */
void set_limits();

/*
 * From here on no file outside the current directory can be read, written,
 * made or removed, nothing can be sent, no program be run and no other process be touched,
 * as far as the kernel can do that. `scratch` is the current directory's path. Throws when
 * what the kernel can do fails.
 */
void shut_in(const char *scratch);

/* What this kernel lacks of it, as lines; empty: nothing. */
std::string missing();

/* The text with line ends and other control characters made blanks, and of bounded length. */
std::string one_line(const std::string &text);

/* Writes the text as the program's one line of error and ends it with status 1, without destructors. */
[[noreturn]] void die(const std::string &text);

} // namespace confine

#endif
