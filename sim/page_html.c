/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_html.c - the words of the page's language: escaped text, tables, the style sheet.
 *
 * The page follows the reader's choice of light or dark. Figures are drawn for paper; in the dark
 * their brightness is turned round and their hues are kept. What is wider than the page (tables,
 * figures on a telephone) scrolls in a box of its own, which the keyboard reaches and whose shaded
 * side says that there is more. Printed, no bar loses its colour, two figures fit a page, and what
 * is folded away is left out.
 */
#include "page_impl.h"
#include <string.h>

static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1d2329;--soft:#59636e;--line:#d8dee4;"
	"--card:#f6f8fa;--accent:#0b5cad;--bar:#0072b2;--wait:#b9c3cd;--good:#116329;--bad:#b3261e}"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e8ec;--soft:#a0abb6;"
	"--line:#333b43;--card:#1d2226;--accent:#74b8f5;--bar:#56b4e9;--wait:#4d5964;"
	"--good:#6fd08c;--bad:#ff9b92}"
	"figure svg{filter:invert(.915) hue-rotate(180deg)}}"
	"*{box-sizing:border-box}"
	"html{-webkit-text-size-adjust:100%}"
	"body{margin:0;background:var(--bg);color:var(--fg);"
	"font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
	"main{max-width:86rem;margin:0 auto;padding:2rem 1.25rem 4rem}"
	"h1{font-size:1.75rem;line-height:1.2;margin:0 0 .35rem;overflow-wrap:anywhere}"
	"h2{font-size:1.25rem;margin:2.75rem 0 .75rem;padding-top:1rem;"
	"border-top:1px solid var(--line)}"
	"h3{font-size:1rem;margin:1.5rem 0 .5rem;overflow-wrap:anywhere}"
	"p{max-width:46rem;margin:.5rem 0;overflow-wrap:break-word}"
	".soft,figcaption,caption{color:var(--soft)}.soft{margin-top:0}"
	"nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:0;"
	"margin:1rem 0 0}"
	"nav a{display:inline-block;padding:.2rem 0}a{color:var(--accent)}"
	".lead{font-size:1.1rem;max-width:46rem}"
	/* A shade at the side to which more can be scrolled. */
	".box{overflow-x:auto;margin:.75rem 0 1.25rem;max-width:100%;background:"
	"linear-gradient(to right,var(--bg) 40%,transparent) 0 0/3rem 100% no-repeat local,"
	"linear-gradient(to left,var(--bg) 40%,transparent) 100% 0/3rem 100% no-repeat local,"
	"linear-gradient(to right,var(--line),transparent) 0 0/.7rem 100% no-repeat scroll,"
	"linear-gradient(to left,var(--line),transparent) 100% 0/.7rem 100% no-repeat scroll}"
	".box:focus-visible,summary:focus-visible{outline:2px solid var(--accent);"
	"outline-offset:2px}"
	"table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
	"caption{text-align:left;padding:0 0 .4rem;font-size:.9rem}"
	"caption span{display:inline-block;position:sticky;left:0;max-width:calc(100vw - 2.5rem)}"
	"th,td{padding:.32rem .65rem;text-align:left;border-bottom:1px solid var(--line);"
	"white-space:nowrap;vertical-align:top}"
	"th:first-child,td:first-child{padding-left:.1rem}"
	"thead th{border-bottom:2px solid var(--line);font-weight:600;vertical-align:bottom}"
	"tbody th{font-weight:500}.n{text-align:right}"
	"th:first-child{position:sticky;left:0;background:var(--bg)}"
	"td.wrap{white-space:normal;min-width:14rem}"
	".pm{color:var(--soft);font-size:.8rem}"
	"figure{margin:1.25rem 0 2rem}figure .box{border:1px solid var(--line);"
	"border-radius:.5rem;margin:0;background:#fff}"
	"@media(prefers-color-scheme:dark){figure .box{background:#161616}}"
	"figure svg{display:block;width:min(1.15*var(--w),100%);height:auto;"
	"min-width:calc(.54*var(--w));margin:0 auto}"
	"figcaption{font-size:.9rem;margin-top:.5rem}"
	".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;"
	"margin:1rem 0;padding:0}"
	".cards div{background:var(--card);border-radius:.5rem;padding:.7rem .9rem}"
	".cards dt{color:var(--soft);font-size:.85rem}"
	".cards dd{margin:0;font-size:1.3rem;font-weight:600;overflow-wrap:anywhere}"
	"pre,code{font:.85rem/1.5 ui-monospace,'DejaVu Sans Mono',monospace}"
	"pre{background:var(--card);border-radius:.5rem;padding:.8rem 1rem;margin:.75rem 0;"
	"white-space:pre-wrap;overflow-wrap:anywhere}"
	".fall td{padding-top:.22rem;padding-bottom:.22rem}"
	".track{width:min(24rem,40vw);min-width:8rem}"
	".track svg{display:block;width:100%;height:1rem}"
	".work{fill:var(--bar)}.wait{fill:var(--wait)}"
	".key{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;"
	"vertical-align:-.05rem;margin-right:.25rem}"
	".key.w{background:var(--bar)}.key.q{background:var(--wait)}"
	".pass{color:var(--good)}.fail{color:var(--bad);font-weight:600}"
	"details{margin:.75rem 0}summary{cursor:pointer;padding:.35rem 0;color:var(--accent)}"
	"footer{color:var(--soft);font-size:.85rem;margin-top:3rem;"
	"border-top:1px solid var(--line);padding-top:1rem;overflow-wrap:anywhere}"
	"@media(max-width:40rem){main{padding:1.25rem 1rem 3rem}h1{font-size:1.4rem}"
	"th,td{padding:.3rem .5rem}tbody th{white-space:normal;min-width:7rem;max-width:11rem}}"
	"@media print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--card:#f4f4f4;"
	"--accent:#000;--bar:#0072b2;--wait:#b9c3cd}"
	"*{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
	"body{font-size:10pt}main{max-width:none;padding:0}nav{display:none}"
	"figure svg{filter:none;min-width:0;width:auto;max-width:100%;max-height:10.8cm}"
	".box,figure .box{overflow:visible;background:none;border:0}"
	"th:first-child{position:static;background:none}details:not([open]){display:none}"
	"figure{margin:0 0 .8rem}"
	"th,td{padding:.15rem .4rem;white-space:normal}"
	"figure,tr,pre,.cards div{break-inside:avoid}h2,h3{break-after:avoid}}";

void html_text(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *escaped = g_markup_escape_text(valid, -1);

	g_string_append(out, escaped);
}

void html_heading(GString *out, unsigned level, const char *id, const char *text)
{
	g_string_append_printf(out, "<h%u", level);
	if (id)
		g_string_append_printf(out, " id=\"%s\"", id);
	g_string_append_c(out, '>');
	html_text(out, text);
	g_string_append_printf(out, "</h%u>\n", level);
}

void html_paragraph(GString *out, const char *text)
{
	g_string_append(out, "<p>");
	html_text(out, text);
	g_string_append(out, "</p>\n");
}

void html_table_open(GString *out, const char *caption)
{
	g_string_append(out, "<div class=\"box\" role=\"region\" tabindex=\"0\" aria-label=\"");
	html_text(out, caption);
	g_string_append(out, "\"><table>\n<caption><span>");
	html_text(out, caption);
	g_string_append(out, "</span></caption>\n<thead>\n");
}

void html_row_open(GString *out)
{
	g_string_append(out, "<tr>");
}

static void element(GString *out, const char *open, const char *text, const char *close)
{
	g_string_append(out, open);
	html_text(out, text);
	g_string_append(out, close);
}

void html_head(GString *out, const char *text, bool number)
{
	element(out, number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">", text,
		"</th>");
}

void html_row_head(GString *out, const char *text)
{
	element(out, "<th scope=\"row\">", text, "</th>");
}

void html_cell(GString *out, const char *text, bool number)
{
	element(out, number ? "<td class=\"n\">" : "<td>", text, "</td>");
}

void html_mean(GString *out, const char *mean, const char *half)
{
	g_string_append(out, "<td class=\"n\">");
	html_text(out, mean);
	if (*half)
		element(out, " <span class=\"pm\">±", half, "</span>");
	g_string_append(out, "</td>");
}

void html_row_close(GString *out)
{
	g_string_append(out, "</tr>\n");
}

void html_body_open(GString *out)
{
	g_string_append(out, "</thead>\n<tbody>\n");
}

void html_table_close(GString *out)
{
	g_string_append(out, "</tbody>\n</table></div>\n");
}

void html_page_open(GString *out, const char *title)
{
	g_string_append(out,
			"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			"<meta http-equiv=\"Content-Security-Policy\" "
			"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>");
	html_text(out, title);
	g_string_append(out, "</title>\n<style>\n");
	g_string_append(out, style);
	g_string_append(out, "\n</style>\n</head>\n<body>\n<main>\n");
}

void html_page_close(GString *out)
{
	g_string_append(out, "</main>\n</body>\n</html>\n");
}
