/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.c - what verbs share: messages, the exit code, SIGINT, loading; see cli_verbs.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli_verbs.h"
#include "outfile.h"
#include "sim_error.h"
#include "wrap.h"

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t interrupted;

static void on_sigint(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

static void on_sigusr1(int signal_number)
{
	(void)signal_number;
	progress_ask();
}

/* The second SIGINT kills. */
void cli_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};
	struct sigaction look = {.sa_handler = on_sigusr1, .sa_flags = SA_RESTART};

	interrupted = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &look, NULL);
}

void cli_catch_sigterm(void)
{
	struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGTERM, &action, NULL);
}

volatile sig_atomic_t *session_interrupted(void)
{
	return &interrupted;
}

void session_raise(struct session *s, int code)
{
	s->code = MAX(s->code, code);
}

void session_complain(struct session *s, const GError *error)
{
	progress_erase(&s->progress);
	fprintf(stderr, "%s: %s\n", s->prog->name, error->message);
	session_raise(s, error->domain == SIM_ERROR ? error->code : SIM_EXIT_USAGE);
}

int cli_usage_error(const struct cli_program *prog, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\n", prog->name, text);
	return SIM_EXIT_USAGE;
}

void session_print(struct session *s, FILE *stream, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_autoptr(GString) wrapped = g_string_new(NULL);

	wrap_text(text, wrap_columns(stream), wrapped);
	progress_erase(&s->progress);
	if (stream == stdout && s->mute)
		return;
	if (outfile_print(stream, wrapped->str, &error))
		return;
	session_complain(s, error);
	s->mute = stream == stdout;
}

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

FILE *session_tables(const struct session *s)
{
	return is_stdout(s->o.json) || is_stdout(s->o.junit) ? stderr : stdout;
}

/* --set, then --seed as one more of them. */
static char **all_sets(const struct session *s)
{
	GPtrArray *sets = g_ptr_array_new();

	for (char **set = s->o.sets; set && *set; set++)
		g_ptr_array_add(sets, g_strdup(*set));
	if (s->o.seed)
		g_ptr_array_add(sets, g_strdup_printf("scenario.seed=%s", s->o.seed));
	g_ptr_array_add(sets, NULL);
	return (char **)g_ptr_array_free(sets, FALSE);
}

struct study *session_load(struct session *s, const char *path, bool base_only)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) sets = all_sets(s);
	struct study *st = study_load(s->prog, path, (const char *const *)sets, base_only, &error);

	if (!st)
		session_complain(s, error);
	return st;
}

bool session_outputs(struct session *s, const char *folder)
{
	g_autoptr(GError) error = NULL;

	if ((!folder || outfile_folder(folder, &error)) &&
	    (!s->o.json || outfile_check(s->o.json, &error)))
		return true;
	session_complain(s, error);
	return false;
}

bool session_usable(struct session *s, const struct study_run *run)
{
	if (run->error) {
		g_autofree char *label =
			*run->label ? g_strdup_printf("point %s: ", run->label) : g_strdup("");
		g_autoptr(GError) error = g_error_copy(run->error);

		g_prefix_error(&error, "%s", label);
		session_complain(s, error);
		return false;
	}
	return true;
}

void session_end(struct session *s)
{
	if (!interrupted)
		return;
	progress_erase(&s->progress);
	fprintf(stderr, "%s: interrupted; results are partial\n", s->prog->name);
	s->code = SIM_EXIT_INTERRUPTED;
}

unsigned session_threads(const struct session *s)
{
	return s->o.jobs ? (unsigned)s->o.jobs : MIN(g_get_num_processors(), THREADS_MAX);
}
