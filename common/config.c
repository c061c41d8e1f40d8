#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ioutil.h"

/* Of either program, or of both. */
static const struct known {
	const char *name;
	bool has_value;
} known_options[] = {
	{ "axis", true },      { "cache-dir", true },     { "follow-links", false }, { "history", true },
	{ "jobs", true },      { "log", true },           { "memory", true },        { "miscinfo", true },
	{ "missing", true },   { "no-cache", false },     { "no-tempclose", false }, { "options", true },
	{ "pattern", true },   { "progress", true },      { "quiet", false },        { "readahead", true },
	{ "ready-file", true }, { "reflink", true },      { "refresh", true },       { "relax", false },
	{ "reorder", false },
	{ "settle", true },    { "strict", false },       { "tempclose", false },    { "tiling", true },
	{ "verify", false },   { "wait", false },
};

/* NULL: there is nowhere to look. */
static char *config_path(void)
{
	char *path;
	const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	/* A relative path in it is to be ignored, says its specification. */
	if (config && config[0] == '/')
		return asprintf(&path, "%s/subcubefs/config", config) < 0 ? NULL : path;
	if (home && home[0] == '/')
		return asprintf(&path, "%s/.config/subcubefs/config", home) < 0 ? NULL : path;
	return NULL;
}

/* Cuts spaces off both ends, in place. */
static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t length = strlen(text);
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	text[length] = 0;
	return text;
}

static const struct known *find_known(const char *name)
{
	for (size_t i = 0; i < SC_COUNT_OF(known_options); i++) {
		if (strcmp(known_options[i].name, name) == 0)
			return &known_options[i];
	}
	return NULL;
}

static int add_entry(struct sc_config *config, const char *name, const char *value, unsigned line)
{
	struct sc_config_entry *grown = reallocarray(config->entries, config->nentries + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	config->entries = grown;
	struct sc_config_entry *entry = &grown[config->nentries++];
	*entry = (struct sc_config_entry){ .name = strdup(name), .value = value ? strdup(value) : NULL, .line = line };
	return entry->name && (!value || entry->value) ? 0 : -ENOMEM;
}

static int parse_line(struct sc_config *config, char *text, unsigned line, struct sc_error *err)
{
	char *name = trim(text), *equals = strchr(name, '='), *value = NULL;
	if (*name == 0 || *name == '#')
		return 0;
	if (equals) {
		*equals = 0;
		value = trim(equals + 1);
		name = trim(name);
	}
	const struct known *option = find_known(name);
	if (!option)
		return sc_error_set(err, -EINVAL,
				    "%s:%u: '%s' is no option that can be set here; see subcubefs-formats(5)",
				    config->path, line, name);
	if (option->has_value != (value && *value))
		return sc_error_set(err, -EINVAL, "%s:%u: expected '%s%s", config->path, line, name,
				    option->has_value ? " = VALUE'" : "' alone, without a value");
	return add_entry(config, name, value, line) < 0 ? sc_error_errno(err, -ENOMEM, "%s", config->path) : 0;
}

static int parse_lines(struct sc_config *config, const uint8_t *data, size_t size, struct sc_error *err)
{
	int rc = 0;
	unsigned line = 0;
	for (size_t at = 0, length; rc == 0 && at < size; at += length + 1) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		length = end ? (size_t)(end - data) - at : size - at;
		sc_autofree char *text = strndup((const char *)data + at, length);
		line++;
		if (!text)
			return sc_error_errno(err, -ENOMEM, "%s", config->path);
		rc = parse_line(config, text, line, err);
	}
	return rc;
}

int sc_config_read(struct sc_config *ret_config, struct sc_error *err)
{
	struct sc_config config = { .path = config_path() };
	sc_autofree uint8_t *data = NULL;
	size_t size;
	*ret_config = (struct sc_config){ 0 };
	if (!config.path || access(config.path, F_OK) < 0) {
		sc_config_clear(&config);
		return 0;
	}
	int rc = sc_io_read_file(AT_FDCWD, config.path, config.path, SC_CONFIG_MAX_BYTES, &data, &size, err);
	if (rc == 0)
		rc = parse_lines(&config, data, size, err);
	if (rc < 0)
		sc_config_clear(&config);
	else
		*ret_config = config;
	return rc;
}

void sc_config_clear(struct sc_config *config)
{
	for (size_t i = 0; i < config->nentries; i++) {
		free(config->entries[i].name);
		free(config->entries[i].value);
	}
	free(config->entries);
	free(config->path);
	*config = (struct sc_config){ 0 };
}
