/*
 * confine.h - keeps the header program small and quiet: limits, a clean
 * environment, and one line on standard error whatever goes wrong.
 */
#ifndef SC_CASA_CONFINE_H
#define SC_CASA_CONFINE_H

#include <string>

namespace confine
{

/*
 * Limits memory, processor time and file sizes, ends the process with its
 * parent, empties the environment, and lets a crash end in one line and
 * status 1. Throws when the process cannot be confined.
 */
void set_limits();

/* The text with line ends and other control characters made blanks, and of bounded length. */
std::string one_line(const std::string &text);

/* Writes the text as the program's one line of error and ends it with status 1, without destructors. */
[[noreturn]] void die(const std::string &text);

} // namespace confine

#endif
