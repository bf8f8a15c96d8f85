/* The style sheet and the patterns: nothing of it comes from an EVE file. */
#include "cli/page/html.h"
#include "cli/page/text.h"

/*
 * Colours are Okabe and Ito's, darkened or lightened for contrast, and never the only difference:
 * each outcome has a pattern of its own, which is what remains of it in black and white.
 */
static const char colours[] =
	":root{--bg:#fff;--fg:#1b1b1b;--soft:#565656;--line:#cfcfcb;--panel:#f5f5f2;"
	"--accent:#00548a;--critical:#a30d2d;--major:#874800;--minor:#35557c;"
	"--fail:#c24e00;--fail2:#f6d9c6;--ok:#0060a8;--slow:#7d5a00;--slow2:#f5e3b0;"
	"--ref:#8c3a78;--ref2:#f0d6e8;--oth:#6a6a6a;--oth2:#e9e9e9}\n"
	"@media screen and (prefers-color-scheme:dark){:root{--bg:#15181b;--fg:#e9e7e4;"
	"--soft:#a9aeb4;--line:#3d434a;--panel:#1e2227;--accent:#7cbcff;--critical:#ff8095;"
	"--major:#ffb866;--minor:#9cc0ec;--fail:#ff9a5c;--fail2:#5a3018;--ok:#63b3ff;"
	"--slow:#f2c94c;--slow2:#4a3c10;--ref:#e59ad2;--ref2:#4c2743;--oth:#b0b0b0;"
	"--oth2:#3a3a3a}}\n";

static const char layout[] =
	"*{box-sizing:border-box}"
	"html{color-scheme:light dark;-webkit-text-size-adjust:100%}"
	"body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--bg);color:var(--fg);"
	"font:16px/1.5 system-ui,\"Segoe UI\",\"DejaVu Sans\",Arial,sans-serif;"
	"overflow-wrap:anywhere}\n"
	"h1{font-size:1.7rem;line-height:1.2;margin:.2em 0 .4em}"
	"h2{font-size:1.35rem;line-height:1.25;margin:2.2em 0 .5em;padding-top:.6em;"
	"border-top:3px solid var(--fg)}"
	"h3{font-size:1.05rem;margin:1.7em 0 .4em}"
	"p{margin:.4em 0}a{color:var(--accent)}\n"
	".soft,.note{color:var(--soft)}.note{font-size:.88rem}"
	".headline{font-size:1.2rem;line-height:1.4;font-weight:600}"
	".ctl{border:1px solid;border-radius:3px;padding:0 .15em;font-size:.8em;"
	"color:var(--critical);white-space:nowrap}"
	".cut{color:var(--soft);font-style:italic}"
	"code,.mono{font-family:\"DejaVu Sans Mono\",Consolas,Menlo,monospace;font-size:.9em}\n"
	".sev{display:inline-block;border:2px solid;border-radius:4px;padding:.05em .5em;"
	"font-size:.8rem;font-weight:700;text-transform:uppercase;letter-spacing:.04em;"
	"vertical-align:.12em;white-space:nowrap}"
	".critical{color:var(--critical)}.major{color:var(--major)}"
	".minor{color:var(--minor)}.informational,.unknown{color:var(--soft)}\n"
	"dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.2em;margin:.8em 0}"
	"dl.facts dt{color:var(--soft)}dl.facts dd{margin:0}"
	"dl.todo dt{font-weight:700;margin-top:.5em}"
	"dl.todo dd{margin:0 0 0 1em}\n"
	"ol.stages{list-style:none;margin:1em 0;padding:0;display:grid;gap:.5em;"
	"grid-template-columns:repeat(6,1fr)}"
	"ol.stages li{border:1px dashed var(--line);border-radius:6px;padding:.4em .6em;"
	"color:var(--soft);font-size:.85rem;line-height:1.35}"
	"ol.stages li.reached{border:2px solid var(--fg);background:var(--panel);"
	"color:var(--fg)}"
	"ol.stages b{display:block;font-size:.95rem}"
	"ol.stages .when{display:block}\n";

static const char parts[] =
	".scroll{overflow-x:auto;margin:.4em 0}"
	".scroll:focus-visible{outline:2px solid var(--accent)}"
	"table{border-collapse:collapse;width:100%;font-size:.9rem}"
	"caption{text-align:left;color:var(--soft);padding-bottom:.3em}"
	"th,td{text-align:left;vertical-align:top;padding:.3em .7em .3em 0;"
	"border-bottom:1px solid var(--line)}"
	"td,th{overflow-wrap:normal}.name,.what{overflow-wrap:anywhere}"
	"th{font-weight:600}thead th{border-bottom:2px solid var(--fg);white-space:nowrap}"
	"tbody th{font-weight:400}"
	".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	"td.n+td:not(.n),th.n+td:not(.n),th.n+th:not(.n){padding-left:.9em}"
	".t{white-space:nowrap;font-variant-numeric:tabular-nums}"
	".name{min-width:9em;max-width:26em}"
	".what{min-width:16em}"
	"tr.in td:first-child,tr.in th:first-child{padding-left:.1em}"
	".yes{font-weight:700;color:var(--ok)}"
	"tr.fold>td{padding-top:0}tr.fold td table{margin:.2em 0 .4em}"
	"tr.head>*{border-bottom:0}"
	"summary{cursor:pointer;color:var(--accent)}"
	"details{margin:.1em 0}\n"
	"svg{display:block;width:100%;overflow:visible}svg text{fill:var(--fg);font-size:12px}"
	"svg.plot{width:calc(100% - 2.6rem);margin-left:2.6rem}"
	"svg .in{fill:var(--ok);font-weight:700}"
	"svg .ax{fill:var(--soft);font-size:11px}"
	"svg .halo{paint-order:stroke;stroke:var(--bg);stroke-width:3px}"
	"svg .grid{stroke:var(--line)}svg .base{stroke:var(--fg)}"
	"svg .lane{stroke:var(--accent);stroke-width:10}"
	"svg .lane.hot{stroke:var(--critical)}"
	"svg .run{stroke:var(--line);stroke-width:2}"
	"svg .mark{fill:var(--ok);font-size:13px;font-weight:700}"
	".spark{width:9em;min-width:9em}\n"
	".b{stroke:var(--bg);stroke-width:.6}"
	".o0{fill:url(#p0)}.o1{fill:url(#p1)}.o2{fill:url(#p2)}.o3{fill:url(#p3)}"
	".o4{fill:url(#p4)}"
	"#p0 rect{fill:var(--fail2)}#p0 path{stroke:var(--fail);stroke-width:2.2}"
	"#p1 rect{fill:var(--ok)}"
	"#p2 rect{fill:var(--slow2)}#p2 circle{fill:var(--slow)}"
	"#p3 rect{fill:var(--ref2)}#p3 path{stroke:var(--ref);stroke-width:2}"
	"#p4 rect{fill:var(--oth2)}#p4 path{stroke:var(--oth);stroke-width:1}"
	"ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2em 1.4em;padding:0;"
	"margin:.3em 0;font-size:.88rem}"
	"ul.legend svg{display:inline-block;width:16px;height:14px;vertical-align:-2px;"
	"margin-right:.35em}"
	"ul.legend rect{stroke:var(--fg)}\n"
	"@media screen and (max-width:46em){svg.lanes{min-width:36rem}"
	"ol.stages{grid-template-columns:repeat(2,1fr)}"
	"body{padding:.7rem}dl.facts{grid-template-columns:1fr;gap:0}"
	"dl.facts dd{margin-bottom:.4em}}\n";

/* On paper everything is told: what is folded is open, and nothing is cut by the page's edge. */
static const char paper[] =
	"@page{size:A4;margin:14mm 12mm 16mm;"
	"@bottom-right{content:\"page \" counter(page) \" of \" counter(pages);"
	"font:8pt sans-serif}"
	"@bottom-left{content:\"SMTP incident report\";font:8pt sans-serif}}\n"
	"@media print{:root{--soft:#333;--line:#999;--panel:#fff}"
	"body{font-size:9.5pt;line-height:1.4;max-width:none;padding:0;"
	"-webkit-print-color-adjust:exact;print-color-adjust:exact}"
	"h1{font-size:18pt}h2{font-size:14pt;margin-top:0}h3{font-size:11pt;margin-top:1.2em}"
	".headline{font-size:12pt}"
	".incident{break-before:page}h1,h2,h3,caption{break-after:avoid}"
	"tr,svg,ol.stages,dl.todo dd,.legend{break-inside:avoid}"
	"thead{display:table-header-group}"
	"table{font-size:8.5pt}th,td{padding-right:.5em}"
	"thead th,.t{white-space:normal}.name,.what{min-width:7.5em}.note{font-size:8.5pt}"
	"tr.fold{break-inside:auto}svg .grid{stroke:#ccc}"
	".scroll{overflow:visible}"
	"a{color:inherit;text-decoration:none}"
	"details::details-content{content-visibility:visible;display:block;block-size:auto}"
	"details>summary{list-style:none;color:inherit}"
	"ol.stages{grid-template-columns:repeat(6,1fr)}"
	"p,dd,li{orphans:3;widows:3}}\n";

static const char patterns[] =
	"<svg class=\"patterns\" width=\"0\" height=\"0\" style=\"position:absolute;width:0\" "
	"aria-hidden=\"true\"><defs>"
	"<pattern id=\"p0\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	"<rect width=\"6\" height=\"6\"/><path d=\"M-1,1l2,-2M0,6l6,-6M5,7l2,-2\"/></pattern>"
	"<pattern id=\"p1\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	"<rect width=\"6\" height=\"6\"/></pattern>"
	"<pattern id=\"p2\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	"<rect width=\"6\" height=\"6\"/><circle cx=\"3\" cy=\"3\" r=\"1.5\"/></pattern>"
	"<pattern id=\"p3\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	"<rect width=\"6\" height=\"6\"/><path d=\"M0,3h6\"/></pattern>"
	"<pattern id=\"p4\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	"<rect width=\"6\" height=\"6\"/><path d=\"M3,0v6\"/></pattern>"
	"</defs></svg>\n";

void
html_start(FILE *out, const struct model *model)
{
	char day[WHEN_MAX] = "";

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" "
	      "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
	      "form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<meta name=\"generator\" content=\"smtap " SMTAP_VERSION "\">\n"
	      "<title>SMTP incident report",
		out);
	if (model->first_us != WHEN_NONE)
		fprintf(out, ", %.10s", when_text(model->first_us, day));
	fputs("</title>\n<style>\n", out);
	fputs(colours, out);
	fputs(layout, out);
	fputs(parts, out);
	fputs(paper, out);
	fputs("</style>\n</head>\n<body>\n", out);
	fputs(patterns, out);
}
