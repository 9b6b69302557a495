/** How a report looks: on light and dark screens from 320 pixels on, and on paper. Contrast is WCAG 2.2 AA throughout. */
export const style: string = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#545d68;--line:#d3d9e0;--panel:#f5f7f9;--link:#0b57a4;--good:#116329;--bad:#a40e26;--warn:#7a4b00;--success:#3a78ad;--failure:#b45309;--denied:#a3174b;--pending:#6b5fa8;--unknown:#57606a;--none:#c5ccd4;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#0f1317;--fg:#e7eaee;--soft:#a5afba;--line:#323a43;--panel:#181d23;--link:#7ab7ff;--good:#5fd07f;--bad:#ff8b96;--warn:#f2bd5e;--success:#5b9fd6;--failure:#f0a04b;--denied:#ff7fa8;--pending:#b3a8f0;--unknown:#a5afba;--none:#4a545f;--paper:#0f1317}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:62rem;padding:2.5rem 1.5rem 4rem;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:2rem;line-height:1.2;margin:.2rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.35rem;line-height:1.3;margin:3rem 0 .9rem;padding-top:1rem;border-top:1px solid var(--line)}
p{margin:.7rem 0;max-width:46rem}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
a:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}
code,pre{font:.875em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{overflow-wrap:inherit;unicode-bidi:isolate}
p,dd,h1,li{overflow-wrap:anywhere}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem}
.kicker{color:var(--soft);margin:0;font-size:.9rem}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.25rem 1.25rem;margin:0 0 1.25rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.verdicts{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:.9rem;margin:1.5rem 0}
.verdicts:has(.bad){grid-template-columns:repeat(auto-fit,minmax(20rem,1fr))}
.verdict{border:1px solid var(--line);border-left-width:6px;border-radius:6px;padding:.85rem 1rem;background:var(--panel)}
.verdict h2{all:unset;display:block;color:var(--soft);font-size:.9rem}
.verdict p{margin:.35rem 0 0;font-size:.925rem}
.verdict .word{font-size:1.15rem;font-weight:650;margin:.1rem 0 0}
.good{border-left-color:var(--good)}.good .word{color:var(--good)}
.unsure{border-left-color:var(--warn);border-left-style:dashed}.unsure .word{color:var(--warn)}
.bad{grid-column:1/-1;border:3px solid var(--bad);border-left-width:12px}.bad .word{color:var(--bad);font-size:1.5rem}
.key{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.9rem;margin:1.25rem 0 0;padding:0}
.key div{display:flex;flex-direction:column-reverse;border-top:2px solid var(--line);padding-top:.45rem}
.key dt{font-size:.875rem}
.key dd{font-size:1.6rem;line-height:1.2;font-weight:600}
.key a{color:inherit;text-decoration-color:var(--line)}
nav{margin:2rem 0 0;font-size:.925rem}
nav ol{columns:2;column-gap:2rem;margin:.4rem 0 0;padding-left:1.4rem}
nav li{break-inside:avoid;margin:.15rem 0}
.scroll{overflow-x:auto;margin:1.2rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:0 0 .45rem}
th,td{text-align:left;vertical-align:top;max-width:24rem;overflow-wrap:break-word;padding:.38rem .75rem .38rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;border-bottom:2px solid var(--line);vertical-align:bottom}
tbody th{font-weight:400}
.narrow{width:auto}.narrow .r{padding-left:2.5rem}
td:last-child code{overflow-wrap:anywhere}
#queries td:last-child{max-width:none}
time{white-space:nowrap}
.r{text-align:right;white-space:nowrap}
th.r:first-child{width:1%;padding-right:1rem}
.note{color:var(--soft);font-size:.9rem;margin:-.6rem 0 1.2rem}
figure{margin:1.4rem 0}
figcaption{font-weight:600;font-size:.9rem;padding-bottom:.45rem}
.defs{position:absolute}
.chart{display:block;width:100%;height:auto;min-width:30rem}
figure{overflow-x:auto}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.5rem 0 0;padding:0;font-size:.875rem}
.legend svg{vertical-align:-1px}
.bar{display:block;margin-top:.3rem}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.tick{fill:var(--soft);font-size:11px}
.name{fill:var(--fg);font-size:12px}
.span{stroke:var(--soft);stroke-width:2;fill:none}
.mark{fill:var(--bg);stroke:var(--success);stroke-width:2}
.o{stroke-width:1}
.o.success{fill:var(--success);stroke:none}
.o.failure{fill:url(#p-failure);stroke:var(--failure)}
.o.denied{fill:url(#p-denied);stroke:var(--denied)}
.o.pending{fill:url(#p-pending);stroke:var(--pending)}
.o.unknown{fill:url(#p-unknown);stroke:var(--unknown)}
.o.none{fill:var(--none);stroke:none}
.bg{fill:var(--bg)}
#p-failure .fg{fill:var(--failure)}
#p-denied .st{stroke:var(--denied);stroke-width:1.4;fill:none}
#p-pending .fg{fill:var(--pending)}
#p-unknown .fg{fill:var(--unknown)}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}
:target{outline:2px solid var(--link);outline-offset:2px}
@media (max-width:34rem){body{padding:1.25rem 1rem 3rem;font-size:15px}h1{font-size:1.6rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}nav ol{columns:1}}
@media print{
:root{color-scheme:light;--bg:#fff;--fg:#000;--soft:#454d57;--line:#bcc4cd;--panel:#fff;--link:#000;--good:#0d4f21;--bad:#8c0c20;--warn:#5f3b00;--success:#3a78ad;--failure:#b45309;--denied:#a3174b;--pending:#6b5fa8;--unknown:#57606a;--none:#c5ccd4}
@page{size:A4;margin:16mm 15mm 18mm}
html{font-size:9.5pt}
body{max-width:none;padding:0;font-size:9.5pt;line-height:1.42;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h1{font-size:19pt}h2{font-size:13pt;margin-top:1.6rem;break-after:avoid}
table{font-size:8pt}pre{font-size:6.5pt}th,td{max-width:75mm;padding-right:.6rem}
thead{display:table-header-group}
tr,.verdict,figure,.key,pre{break-inside:avoid}
caption,figcaption{break-after:avoid}
.verdicts{grid-template-columns:repeat(3,1fr)}.key{grid-template-columns:repeat(auto-fit,minmax(6.6rem,1fr))}
.scroll,figure{overflow:visible}.chart{min-width:0}
a{text-decoration:none}
.q::after{content:" "attr(data-q);font-size:.72em;vertical-align:super;color:var(--soft)}
.key .q::after{font-size:.4em}
.out::after{content:" (" attr(href) ")";overflow-wrap:anywhere}
.apart{break-before:page}
:target{outline:none}
}
`
