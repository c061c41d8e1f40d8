/* subcube-materialize: writes the subcubes of a family as one CASA image for each extension. */
#include "list.h"
#include "log.h"
#include "materialize.h"
#include "moves.h"

int main(int argc, char **argv)
{
	struct sc_options options;
	sc_options_parse(argc, argv, &options);
	/* To standard error, which cannot fail. */
	sc_log_open("subcube-materialize", "stderr", options.quiet ? SC_LOG_ERROR : SC_LOG_WARNING, NULL);
	int status;
	if (options.action == SC_ACTION_LIST)
		status = sc_list_run(&options);
	else
		status = options.action == SC_ACTION_MAKE ? sc_materialize(&options) : sc_moves_run(&options);
	sc_options_clear(&options);
	return status;
}
