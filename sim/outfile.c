/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outfile.c - temporary file, fsync, rename; see outfile.h. */
#include "outfile.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim_error.h"

static bool fail(GError **error, const char *path, int err)
{
	g_set_error(error, SIM_ERROR, SIM_EXIT_OUTPUT, "%s: cannot be written: %s", path,
		    g_strerror(err));
	return false;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Exists, and is not a file that a rename could replace. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

bool outfile_check(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);

	if (strcmp(path, "-") == 0)
		return true;
	if (g_file_test(path, G_FILE_TEST_IS_DIR))
		return fail(error, path, EISDIR);
	if (g_access(is_special(path) ? path : folder, W_OK) != 0)
		return fail(error, path, errno);
	if (!is_special(path) && !g_file_test(folder, G_FILE_TEST_IS_DIR))
		return fail(error, path, ENOTDIR);
	return true;
}

bool outfile_folder(const char *path, GError **error)
{
	if (g_mkdir_with_parents(path, 0777) != 0)
		return fail(error, path, errno);
	if (g_access(path, W_OK | X_OK) != 0)
		return fail(error, path, errno);
	return true;
}

static bool write_in_place(const char *path, const char *text, size_t len, GError **error)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(error, path, errno);
	bool ok = write_all(fd, text, len);
	int err = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		err = errno;
	}
	return ok || fail(error, path, err);
}

bool outfile_write(const char *path, const char *text, size_t len, GError **error)
{
	if (strcmp(path, "-") == 0)
		return outfile_print(stdout, text, error);
	if (is_special(path))
		return write_in_place(path, text, len, error);
	/* Two machines may write into one folder. */
	g_autofree char *temporary =
		g_strdup_printf("%s.part-%s-%ld", path, g_get_host_name(), (long)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return fail(error, path, errno);
	bool ok = write_all(fd, text, len) && fsync(fd) == 0;
	int err = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		err = errno;
	}
	if (ok && rename(temporary, path) == 0)
		return true;
	if (ok)
		err = errno;
	unlink(temporary);
	return fail(error, path, err);
}

bool outfile_print(FILE *stream, const char *text, GError **error)
{
	if (fputs(text, stream) != EOF && fflush(stream) == 0)
		return true;
	return fail(error, stream == stdout ? "standard output" : "standard error", errno);
}
