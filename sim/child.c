/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.c - see child.h. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_error.h"

char *child_beside(const char *name, GError **error)
{
	g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *bin = exe ? g_path_get_dirname(exe) : g_strdup(".");
	char *path = g_build_filename(bin, name, NULL);

	if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
		return path;
	g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
		    "%s is not beside this program, and it does what is asked for; build both with "
		    "`make`",
		    name);
	g_free(path);
	return NULL;
}

char *child_file(GError **error)
{
	g_autoptr(GError) why = NULL;
	char *path;
	int fd = g_file_open_tmp("vnicsim-XXXXXX.json", &path, &why);

	if (fd < 0) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_OUTPUT, "%s", why->message);
		return NULL;
	}
	close(fd);
	return path;
}

/* In the child, before it becomes the program. */
static void die_with_parent(gpointer unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* All that comes out of `fd`, until its other end is closed; passes an interruption on, once. */
static void listen_to(int fd, GPid pid, volatile sig_atomic_t *interrupted, GString *text)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool told = false;
	char buf[4096];

	for (;;) {
		if (*interrupted && !told) {
			kill(pid, SIGINT);
			told = true;
		}
		if (poll(&p, 1, 200) <= 0)
			continue;
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n > 0 && text->len < 65536)
			g_string_append_len(text, buf, n);
	}
}

static int wait_for(GPid pid, volatile sig_atomic_t *interrupted)
{
	bool told = false;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (*interrupted && !told) {
			kill(pid, SIGINT);
			told = true;
		}
		g_usleep(2000);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool child_run(const char *path, const char *const *args, bool talks,
	       volatile sig_atomic_t *interrupted, struct child_end *end, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) why = NULL;
	int fd = -1;
	GPid pid;

	g_ptr_array_add(argv, (char *)path);
	for (; *args; args++)
		g_ptr_array_add(argv, (char *)*args);
	g_ptr_array_add(argv, NULL);
	if (!g_spawn_async_with_pipes(NULL, (char **)argv->pdata, NULL,
				      G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN,
				      die_with_parent, NULL, &pid, NULL, NULL, talks ? NULL : &fd,
				      &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "%s", why->message);
		return false;
	}
	if (!talks) {
		listen_to(fd, pid, interrupted, text);
		close(fd);
	}
	*end = (struct child_end){.code = wait_for(pid, interrupted),
				  .errors = g_string_free(g_steal_pointer(&text), FALSE)};
	return true;
}
