# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the page of results looks: its style sheet.  In Python, because Ansible brings nothing else to a lab host.

Colours follow what the reader's system prefers (``prefers-color-scheme``), and every verdict has its word beside its colour.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --raised: #ffffff; --sunk: #f1f1ef; --ink: #1d2125; --soft: #5c646d; --line: #dcdfe2; --link: #0b5cad;
  --passed: #1a7f45; --failed: #c02434; --suspect: #a85b00; --flaky: #8a6d00; --skipped: #66707a; --broken: #7d3cb5;
  --h0: #0b6bcb; --h1: #b3460f; --h2: #177a4c; --h3: #8b3fb8; --h4: #a6792b; --h5: #c2185b; --h6: #00798a; --h7: #5b6470;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --raised: #1d2125; --sunk: #101214; --ink: #e4e7ea; --soft: #9aa4ae; --line: #343a41; --link: #7db7f5;
    --passed: #58c785; --failed: #ff7b81; --suspect: #f0a24b; --flaky: #dcc04e; --skipped: #98a2ac; --broken: #c79bf2;
    --h0: #7ab8ff; --h1: #ff9d66; --h2: #67d39b; --h3: #d39cf5; --h4: #e3bd72; --h5: #ff8ab5; --h6: #5fd0de; --h7: #aeb7c0;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 74rem; margin: 0 auto; padding: 2rem 1.5rem 5rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.1rem; }
h3 { margin: 1.5rem 0 0.5rem; font-size: 0.8rem; font-weight: 600; color: var(--soft); }
p { margin: 0.35rem 0; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre, time { font: 0.86em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.passed { --v: var(--passed); } .failed { --v: var(--failed); } .suspect { --v: var(--suspect); }
.flaky { --v: var(--flaky); } .skipped { --v: var(--skipped); } .broken { --v: var(--broken); }
h1.passed, h1.failed, h1.skipped, h1.broken { color: var(--v); }

.bar { display: block; width: 100%; height: 8px; margin: 1rem 0 0.6rem; border-radius: 4px; background: var(--line); }
.bar rect { fill: var(--v); }
.counts { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0; padding: 0; list-style: none; }
.counts b { color: var(--v); font-variant-numeric: tabular-nums; }
.counts li::before {
  content: ""; display: inline-block; width: 0.6em; height: 0.6em; margin-right: 0.45em; border-radius: 2px;
  background: var(--v);
}
.alert { margin: 1.25rem 0 0; padding: 0.7rem 1rem; border-left: 4px solid var(--v); background: var(--raised); }

.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; }
thead th { padding: 0.3rem 0.75rem; font-size: 0.8rem; color: var(--soft); border-bottom: 1px solid var(--line); }
tbody th, tbody td { padding: 0.3rem 0.75rem; border-bottom: 1px solid var(--line); vertical-align: baseline; }
tbody th { min-width: 8rem; font-weight: 400; overflow-wrap: anywhere; }
tbody td { white-space: nowrap; }
tbody.group th[scope=rowgroup] { padding-top: 1.1rem; font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cell { color: var(--v); font-weight: 600; text-decoration: none; white-space: nowrap; }
.cell:hover { text-decoration: underline; }
.cell::before { content: "\\25cf\\a0"; }
.cell.passed { font-weight: 400; }

.test {
  margin: 0.6rem 0; border: 1px solid var(--line); border-left: 4px solid var(--v); border-radius: 6px;
  background: var(--raised);
}
.test > summary {
  display: grid; grid-template-columns: 4.5rem minmax(0, 1fr) auto; gap: 0 0.75rem; padding: 0.6rem 1rem;
  cursor: pointer; list-style: none;
}
.test > summary::-webkit-details-marker { display: none; }
.test > summary > b { color: var(--v); font-weight: 600; }
.test > summary > strong { font-weight: 600; overflow-wrap: anywhere; }
.test > summary > .cause { grid-column: 2 / -1; color: var(--soft); overflow-wrap: anywhere; }
.body { padding: 0 1rem 1.1rem; border-top: 1px solid var(--line); scroll-margin-top: 4rem; }
.body > p:first-child { margin-top: 0.8rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0.1rem 1.25rem; margin: 0.5rem 0; }
.facts > div { display: flex; gap: 0.4em; }
.facts dt { color: var(--soft); white-space: nowrap; }
.facts dd { margin: 0; overflow-wrap: anywhere; }

.steps { margin: 0; padding: 0; list-style: none; }
.steps > li {
  display: grid; grid-template-columns: 4.8rem minmax(0, 1fr) auto; gap: 0 0.75rem; padding: 0.28rem 0;
  border-bottom: 1px solid var(--line);
}
.steps > li:last-child { border-bottom: 0; }
.steps > li > b { color: var(--v); font-weight: 400; }
.steps > li.failed > b, .steps > li.suspect > b, .steps > li.broken > b { font-weight: 600; }
.steps code { overflow-wrap: anywhere; }
.steps .phase {
  display: block; padding-top: 0.5rem; border-bottom: 0; font-size: 0.8rem; font-weight: 600; color: var(--soft);
}
.wrong {
  grid-column: 2 / -1; display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); gap: 0.5rem 0.75rem;
  margin: 0.5rem 0 0.6rem; padding: 0.7rem 0.9rem; background: var(--sunk); border-radius: 4px;
}
.wrong dt { color: var(--soft); }
.wrong dd { margin: 0; min-width: 0; }
.wrong dd.got pre { color: var(--failed); }
.wrong ol { margin: 0; padding: 0; list-style: none; }
.wrong ol li { display: grid; grid-template-columns: 8.5rem minmax(0, 1fr); gap: 0 0.5rem; }

.line {
  margin: 0; padding: 0.5rem 0; list-style: none; background: var(--sunk); border-radius: 4px; max-height: 34rem;
  overflow: auto;
}
.line > li {
  display: grid; grid-template-columns: 5.5rem auto 8rem minmax(0, 1fr); gap: 0 0.6rem; padding: 0 0.9rem;
  align-items: stretch;
}
.line > li:hover { background: var(--line); }
.line time { color: var(--soft); text-align: right; font-variant-numeric: tabular-nums; }
.line .where { color: var(--h); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.line code { overflow-wrap: anywhere; white-space: pre-wrap; }
.line .packet code { color: var(--soft); }
.line .command code::before { content: "$ "; color: var(--soft); }
.line .step {
  display: block; margin: 0.35rem 0; padding: 0.2rem 0.9rem; border-left: 3px solid var(--v);
  background: var(--raised);
}
.line .step time { display: inline-block; width: calc(5.5rem - 3px); margin-right: 0.6rem; }
.line .step b { color: var(--v); font-weight: 600; }
.legend { margin: 0 0 0.35rem; font-size: 0.8rem; color: var(--soft); }
.lanes { display: flex; }
.lanes i { position: relative; width: 0.8rem; }
.lanes i::before { content: ""; position: absolute; left: 50%; top: 0; bottom: 0; border-left: 1px solid var(--line); }
.lanes i.on::after {
  content: ""; position: absolute; left: calc(50% - 3.5px); top: 0.42em; width: 8px; height: 8px;
  border-radius: 50%; background: var(--h);
}
.packet .lanes i.on::after { border-radius: 1px; transform: rotate(45deg); }
.h0 { --h: var(--h0); } .h1 { --h: var(--h1); } .h2 { --h: var(--h2); } .h3 { --h: var(--h3); }
.h4 { --h: var(--h4); } .h5 { --h: var(--h5); } .h6 { --h: var(--h6); } .h7 { --h: var(--h7); }
.files { columns: 20rem; margin: 0; padding: 0; list-style: none; }
.files li { break-inside: avoid; overflow-wrap: anywhere; }

@media (max-width: 46rem) {
  main { padding: 1.25rem 0.9rem 3rem; }
  tbody th, tbody td, thead th { padding-left: 0.4rem; padding-right: 0.4rem; }
  .wrong, .wrong ol li { grid-template-columns: minmax(0, 1fr); }
  .wrong { grid-column: 1 / -1; gap: 0.15rem; }
  .wrong dd { margin-bottom: 0.5rem; }
  .line > li { grid-template-columns: 3.6rem minmax(0, 1fr); padding: 0.1rem 0.5rem; }
  .line code { grid-column: 2; }
  .line .step code { display: block; margin-left: 3.6rem; }
  .line .step time { width: calc(3.6rem - 3px); }
  .lanes { display: none; }
}
@media print {
  .line { max-height: none; overflow: visible; }
  .test { break-inside: avoid-page; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""
