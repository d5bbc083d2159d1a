"""The style sheet of the page: light, dark, phone and print. The palette is told apart by colour-blind readers too."""

from __future__ import annotations

#: Okabe and Ito's palette, darkened where it is too pale on white; lightened on black.
_LIGHT = ("#0072b2", "#d55e00", "#00845f", "#b0528a", "#a87400", "#3a8fc4", "#6a51a3", "#4a4f57")
_DARK = ("#5ab4ec", "#ff8f4d", "#2cc79a", "#e79bc8", "#efb73a", "#a4d6f5", "#bda8ea", "#c3c9d2")


def _series(colours: tuple[str, ...]) -> str:
    return "".join(f".s{number}{{--c:{colour}}}" for number, colour in enumerate(colours))


_LIGHT_COLOURS = """
--page:#f6f7f9;--card:#fff;--ink:#1a1d23;--soft:#565d69;--line:#dfe3e8;--grid:#e9ecf0;--accent:#0060a0;--tint:#e8f2fa;
--wrong:#c24a00;--on:#fff;--warn:#8a5a00;--warn-tint:#fdf3dc;--bad:#a8261c;--bad-tint:#fdeae8;--code:#f0f2f5;"""
_DARK_COLOURS = """
--page:#111419;--card:#1a1e25;--ink:#e9ecf1;--soft:#a3abb8;--line:#303742;--grid:#2a303a;--accent:#6bbcf5;--tint:#16293a;
--wrong:#ff8f4d;--on:#10141a;--warn:#efb73a;--warn-tint:#322a15;--bad:#ff8a80;--bad-tint:#3a1d1b;--code:#232933;"""

STYLE = (
    ":root{color-scheme:light dark;"
    + _LIGHT_COLOURS
    + "}"
    + _series(_LIGHT)
    + """
@media screen and (prefers-color-scheme:dark){:root{"""
    + _DARK_COLOURS
    + "}"
    + _series(_DARK)
    + """}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans",sans-serif;overflow-wrap:anywhere}
main,header.top,footer{max-width:1180px;margin:0 auto;padding:0 24px}
header.top{padding-top:40px}
.kicker{margin:0;color:var(--accent);font-size:.8rem;font-weight:650;letter-spacing:.08em;text-transform:uppercase}
h1{margin:.1em 0 .15em;font-size:2rem;line-height:1.2;font-weight:700;letter-spacing:-.015em}
h2{margin:2.2em 0 .5em;font-size:1.3rem;line-height:1.3;letter-spacing:-.005em}
h3{margin:0 0 .2em;font-size:1.02rem;line-height:1.35}
p{margin:.3em 0 .8em;max-width:72ch}
.soft,.help,dt,figcaption{color:var(--soft)}
.help{font-size:.9rem;line-height:1.5}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:18px 0 0;padding:0;font-size:.9rem}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:3px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px}
.alert{border-left:4px solid var(--warn);background:var(--warn-tint);padding:10px 16px;border-radius:6px;
margin:18px 0 0}
.hero{margin-top:26px;padding:26px 28px;border-top:4px solid var(--accent)}
.hero h2{margin:0;font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;color:var(--soft);font-weight:650}
.chosen{margin:.05em 0 .5em;font-size:1.75rem;line-height:1.25;font-weight:700;letter-spacing:-.01em}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:18px 28px;margin:0 0 18px}
.facts div{border-left:2px solid var(--line);padding-left:14px}
.facts dt{font-size:.82rem;line-height:1.4}
.facts dd{margin:0}
.facts .big{font-size:1.5rem;line-height:1.3;font-weight:650;font-variant-numeric:tabular-nums}
.facts .small{font-size:.82rem;color:var(--soft);font-variant-numeric:tabular-nums}
.reasons{margin:0;padding-left:1.2em;max-width:78ch}
.reasons li{margin:.25em 0}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;
-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 14px;text-align:right;vertical-align:top;overflow-wrap:normal}
td{white-space:nowrap}
td.prose,td.words{white-space:normal;min-width:110px}
th{font-weight:600}
td.words,th.words{text-align:left}
tbody th[scope=row],thead td{text-align:left;font-weight:400;color:var(--soft);position:sticky;left:0;
background:var(--card);min-width:150px}
thead td{border-bottom:2px solid var(--line)}
thead th{vertical-align:bottom;border-bottom:2px solid var(--line);padding-top:14px;min-width:96px}
tr.group th{text-align:left;padding:16px 14px 4px;font-size:.78rem;letter-spacing:.05em;text-transform:uppercase;
color:var(--ink)}
tr.group th span{position:sticky;left:14px}
tr.line td,tr.line th{border-top:1px solid var(--grid)}
tr.group+tr.line td,tr.group+tr.line th{border-top:0}
.many{font-size:.82rem}.many th,.many td{padding:6px 8px}.many thead th{min-width:84px;padding-top:12px}
.many tbody th[scope=row]{min-width:124px}.many td.prose{min-width:0}
.many tr.group th{padding-left:8px}.many tr.group th span{left:8px}
.compact{font-size:.82rem}.compact th,.compact td{padding:5px 10px}.compact thead th{min-width:0}
.compact td.words{min-width:88px;overflow-wrap:anywhere}
section>.legend{margin-bottom:14px}.about+h3{margin-top:18px}
.pick{background:var(--tint)}
.badge{display:inline-block;margin-top:3px;padding:1px 8px;border-radius:99px;background:var(--accent);color:var(--on);
font-size:.7rem;font-weight:600;letter-spacing:.02em;white-space:nowrap}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:20px}
.grid.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:14px}
figure{margin:0;break-inside:avoid;min-width:0}
figure h3{margin-bottom:0}
.help+.chart,.help+.legend{margin-top:4px}
.chart{display:block;width:100%;height:auto;margin:8px auto 0;font-family:inherit;overflow:visible}
.matrix{max-width:500px}.wide{overflow-x:auto}.wide .matrix{min-width:430px}
.chart text{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.chart .name{fill:var(--ink);font-size:11px}
.chart .strong{fill:var(--ink);font-weight:650}
.axis{stroke:var(--soft);stroke-width:1}
.grid line.grid,.chart .grid{stroke:var(--grid);stroke-width:1}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:butt}
.marker{fill:var(--c);stroke:var(--c);stroke-width:1.6}
.marker.hollow{fill:var(--card)}
.marker.open{fill:none;stroke-width:2.4}
.marker.open.hollow{stroke-width:1.2}
.band{fill:var(--c);fill-opacity:.13}
.whisker{stroke:var(--c);stroke-width:1.2;fill:none;stroke-opacity:.65}
.front{fill:none;stroke:var(--soft);stroke-width:1.2;stroke-dasharray:2 3}
.ring{fill:none;stroke:var(--ink);stroke-width:1.5}
.diagonal{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4}
.gap{stroke:var(--wrong);stroke-width:1.6;stroke-opacity:.75}
.dot{fill:var(--c);fill-opacity:.8;stroke:var(--card);stroke-width:1}
.kept{stroke:var(--soft);stroke-width:1;stroke-dasharray:1 2}
.cell.right{fill:var(--accent)}
.cell.wrong{fill:var(--wrong)}
.empty{fill:var(--grid);fill-opacity:.55}
.chart .count{fill:var(--ink)}
.chart .count.dark{fill:var(--on)}.chart .count.tight{font-size:8px}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;margin:8px 0 0;padding:0;font-size:.86rem}
.legend li{display:flex;align-items:center;gap:7px}
.swatch{flex:none}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:14px}
.mistakes.pictures{grid-template-columns:repeat(auto-fill,minmax(168px,1fr))}
.mistake{padding:16px 18px;break-inside:avoid}
.mistake img{display:block;width:100%;max-width:128px;height:auto;margin:0 auto 10px;border-radius:6px;
background:var(--code)}
.mistake blockquote{margin:0 0 10px;max-height:9.4em;overflow:auto;font-size:.92rem;white-space:pre-wrap}
.mistake dl{display:grid;grid-template-columns:auto 1fr;gap:1px 10px;margin:0;font-size:.86rem}
.mistake dd{margin:0;font-weight:600}
.mistake .wrong{color:var(--wrong)}
.origin{margin:8px 0 0;font-size:.76rem;color:var(--soft)}
.findings{display:grid;gap:12px}
.finding{border-left:4px solid var(--line);break-inside:avoid;padding:14px 20px}
.finding.warning{border-left-color:var(--warn)}
.finding.serious{border-left-color:var(--bad)}
.finding p:last-child,.finding ul:last-child{margin-bottom:0}
.tag{font-size:.7rem;font-weight:650;padding:1px 8px;border-radius:99px;background:var(--code);color:var(--soft);
margin-left:8px;vertical-align:.1em;white-space:nowrap}
.warning .tag{background:var(--warn-tint);color:var(--warn)}
.serious .tag{background:var(--bad-tint);color:var(--bad)}
ul.plain{margin:.4em 0;padding-left:1.2em;font-size:.92rem}
.about{display:grid;grid-template-columns:max-content 1fr;gap:4px 24px;margin:0;font-size:.92rem}
.about dd{margin:0}
pre{margin:14px 0 0;padding:12px 16px;background:var(--code);border-radius:8px;overflow-x:auto;font:.88rem/1.5
ui-monospace,"SF Mono",Menlo,Consolas,monospace;white-space:pre-wrap}
details{margin-top:10px;font-size:.86rem}
summary{cursor:pointer;color:var(--soft)}
details .scroll{margin-top:8px;border-radius:8px}
footer{padding-top:30px;padding-bottom:40px;color:var(--soft);font-size:.84rem}
@media (max-width:640px){
main,header.top,footer{padding-left:14px;padding-right:14px}
header.top{padding-top:24px}
h1{font-size:1.5rem}.chosen{font-size:1.4rem}
.card{padding:16px 14px}.hero{padding:18px 16px}
.chart text,.chart .name{font-size:14px}
.small .chart text,.small .chart .name,.matrix text,.matrix .name{font-size:11px}
.facts{grid-template-columns:1fr 1fr;gap:14px 12px}.facts div{padding-left:10px}.facts .big{font-size:1.3rem}
th,td{padding:7px 10px}
tbody th[scope=row],thead td{min-width:116px;max-width:128px;font-size:.82rem;line-height:1.35}
tr.group th span{left:10px}tr.group th{padding-left:10px}
.mistakes.pictures{grid-template-columns:repeat(2,1fr)}
.about{grid-template-columns:1fr;gap:0}.about dd{margin-bottom:8px}
}
@media print{
@page{size:A4;margin:14mm 12mm}
:root{--page:#fff}
html{font-size:10pt}
body{font-size:10pt;line-height:1.42}
main,header.top,footer{max-width:none;padding-left:1px;padding-right:1px}
header.top{padding-top:0}
section>.help,section>.legend{break-after:avoid}
nav,details{display:none}
h1{font-size:18pt}h2{font-size:13pt;margin-top:1.5em}h2,h3{break-after:avoid}
.card,.scroll{border-radius:4px}
.card{padding:9px 11px}.hero{margin-top:10px;padding:12px 14px}
.facts{grid-template-columns:repeat(4,1fr);gap:10px}.facts div{padding-left:8px}
.scroll,.wide{overflow:visible}
table{font-size:7.6pt}th,td{padding:3px 6px}
.many{font-size:6.5pt;line-height:1.35}
.many th,.many td{padding:2px 3px}
.many th,.many td,.many thead th,.many tbody th[scope=row]{min-width:0;overflow-wrap:break-word;white-space:normal}
.many td:not(.prose){white-space:nowrap}
.many .badge{font-size:5.5pt;padding:0 4px}
tr.group th{padding-top:8px}
p,tbody,tr,.mistake,.finding{break-inside:avoid}
thead{display:table-header-group}
.grid{grid-template-columns:1fr 1fr;gap:10px}.grid.small,.mistakes{grid-template-columns:1fr 1fr 1fr;gap:8px}
.mistakes.pictures{grid-template-columns:repeat(6,1fr)}
.mistake img{max-width:80px}
.mistake blockquote{max-height:none}
.wide .matrix{min-width:0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""
)
