/* subcube-materialize: writes the subcubes of a family as one CASA image for each extension. */
#include <signal.h>

#include "adopt.h"
#include "ioutil.h"
#include "list.h"
#include "log.h"
#include "materialize.h"
#include "moves.h"

int main(int argc, char **argv)
{
	struct sc_options options;
	/* Where it was ignored, nobody would learn how a child ended. */
	signal(SIGCHLD, SIG_DFL);
	sc_io_hold_standard();
	sc_options_parse(argc, argv, &options);
	/* To standard error, which cannot fail. */
	sc_log_open("subcube-materialize", "stderr", options.quiet ? SC_LOG_ERROR : SC_LOG_WARNING, NULL);
	struct sc_error err = { 0 };
	int status;
	if (options.action == SC_ACTION_LIST) {
		status = sc_list_run(&options);
	} else if (options.action != SC_ACTION_MAKE) {
		status = sc_moves_run(&options);
	} else if (sc_adopt_mount(&options, &err) < 0) {
		sc_log(SC_LOG_ERROR, "%s", err.text);
		status = SC_STATUS_FAILED;
	} else {
		status = sc_materialize(&options);
	}
	sc_options_clear(&options);
	return status;
}
