#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int sc_source_open(const char *argument, bool only_base, struct sc_source *ret_source, struct sc_error *err)
{
	sc_autofree char *text = strdup(argument);
	if (!text)
		return sc_error_errno(err, -ENOMEM, "%s", argument);
	for (size_t length = strlen(text); length > 1 && text[length - 1] == '/'; length--)
		text[length - 1] = 0;

	sc_autoclose int fd = -1;
	sc_autofree char *base = NULL;
	const char *directory = text;
	if (!only_base)
		fd = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (!only_base && errno != ENOENT && errno != ENOTDIR)
			return sc_error_errno(err, -errno, "%s: cannot open", text);
		char *slash = strrchr(text, '/');
		base = strdup(slash ? slash + 1 : text);
		if (!base)
			return sc_error_errno(err, -ENOMEM, "%s", argument);
		if (base[0] == 0)
			return sc_error_set(err, -EINVAL, "%s: expected DIR/BASE", argument);
		if (slash)
			slash[slash == text ? 1 : 0] = 0;
		else
			directory = ".";
		fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return sc_error_errno(err, -errno, "%s: cannot open the directory %s", argument, directory);
	}
	char *path = realpath(directory, NULL);
	if (!path)
		return sc_error_errno(err, -errno, "%s: cannot resolve", directory);
	*ret_source = (struct sc_source){ .path = path, .base = sc_steal_ptr(base), .dirfd = sc_steal_fd(&fd) };
	return 0;
}

void sc_source_close(struct sc_source *source)
{
	if (source->dirfd >= 0)
		close(source->dirfd);
	free(source->path);
	free(source->base);
	*source = (struct sc_source){ .dirfd = -1 };
}
