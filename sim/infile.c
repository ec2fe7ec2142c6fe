/* SPDX-License-Identifier: GPL-2.0-or-later */
/* infile.c - reading to the end, or to the limit; see infile.h. */
#include "infile.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool fail(const char *path, int err, GError **error)
{
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err),
		    "%s: cannot be read: %s", path, g_strerror(err));
	return false;
}

/* 0, or errno. */
static int read_all(int fd, GString *into)
{
	char block[65536];
	ssize_t n;

	while (into->len <= INFILE_MAX) {
		n = read(fd, block, sizeof(block));
		if (n == 0)
			return 0;
		if (n > 0)
			g_string_append_len(into, block, n);
		else if (errno != EINTR)
			return errno;
	}
	return EFBIG;
}

bool infile_read(const char *path, char **text, gsize *len, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(path, errno, error);
	GString *all = g_string_new(NULL);
	int err = read_all(fd, all);

	close(fd);
	if (err) {
		g_string_free(all, TRUE);
		return fail(path, err, error);
	}
	*len = all->len;
	*text = g_string_free(all, FALSE);
	return true;
}
