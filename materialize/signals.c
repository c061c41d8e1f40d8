#include "signals.h"

#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* nohup, or a shell that started us in the background, has them ignored. */
static bool is_ignored(int number)
{
	struct sigaction now;
	return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Not what is ignored: while it is blocked it would come nevertheless. */
static sigset_t waited_for(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < SC_COUNT_OF(stop_signals); i++) {
		if (!is_ignored(stop_signals[i]))
			sigaddset(&set, stop_signals[i]);
	}
	return set;
}

static void (*last_words)(int status);

void sc_signals_set_last_words(void (*tell)(int status))
{
	last_words = tell;
}

static void exit_with_signal(int number)
{
	if (last_words)
		last_words(128 + number);
	_exit(128 + number);
}

void sc_signals_exit_at_once(void)
{
	struct sigaction action = { .sa_handler = exit_with_signal };
	for (size_t i = 0; i < SC_COUNT_OF(stop_signals); i++) {
		if (!is_ignored(stop_signals[i]))
			sigaction(stop_signals[i], &action, NULL);
	}
	sigset_t set = waited_for();
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void sc_signals_block(void)
{
	sigset_t set = waited_for();
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A file that would be larger than allowed is an error, EFBIG, like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
}

int sc_signals_wait(unsigned milliseconds)
{
	sigset_t set = waited_for();
	struct timespec timeout = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };
	/* Of several the one with the lowest number comes first: SIGINT and SIGTERM before SIGCHLD. */
	int number = sigtimedwait(&set, NULL, &timeout);
	return number > 0 ? number : 0;
}

int sc_signals_stopped(unsigned milliseconds)
{
	int number = sc_signals_wait(milliseconds);
	return number == SIGCHLD ? 0 : number;
}

void sc_signals_in_child(pid_t parent)
{
	sigset_t set = waited_for();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have ended before that call. */
	if (getppid() != parent)
		_exit(1);
	/* As the parent's own, but for the terminal's, upon which it ends them. */
	for (size_t i = 0; i < SC_COUNT_OF(stop_signals); i++) {
		if (!is_ignored(stop_signals[i]))
			signal(stop_signals[i], stop_signals[i] == SIGINT ? SIG_IGN : SIG_DFL);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
