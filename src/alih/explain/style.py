"""What the page of `alih explain` adds to the report's style sheet: tokens, maps, and a map over the whole window."""

from __future__ import annotations

from alih.compare.report.style import STYLE as REPORT

#: Strengths of a token's background, 0 to 1.
STRENGTHS = 20

_STYLE = (
    REPORT
    + "".join(
        f".w{level}{{background:rgba(0,128,200,{0.75 * level / STRENGTHS:.2f})}}" for level in range(STRENGTHS + 1)
    )
    + """
.tokens{display:flex;flex-wrap:wrap;gap:8px 6px;margin:10px 0;padding:0;list-style:none}
.tokens li{border:1px solid var(--line);border-radius:8px;padding:3px 9px 2px;background:var(--card);text-align:center;
line-height:1.3;max-width:100%}
.tokens b{display:block;font-weight:600;white-space:pre-wrap}
.tokens small{color:var(--soft);font-variant-numeric:tabular-nums;font-size:.74rem}
.tokens .special{border-style:dashed}.tokens .special b{color:var(--soft)}
.tokens .piece{border-left:4px solid var(--accent)}
.tokens .byte,.tokens .unknown{border-left:4px solid var(--wrong)}
.tokens .new{background:var(--tint);border-color:var(--accent)}
.plot{display:grid;grid-template-columns:1fr;align-items:start;text-decoration:none}
.plot>svg{display:block;width:100%;height:auto;min-width:0}
.labels{display:none!important}
.open>.plot,.head:target>.plot{grid-template-columns:96fr var(--w,210fr)}
.plot svg{font-size:11px;fill:var(--soft);font-variant-numeric:tabular-nums}
.plot .on{fill:#fff}.plot .num{fill:var(--ink);font-size:10px}.plot .num.on{fill:#fff}
.open>.plot>.labels,.head:target>.plot>.labels{display:block!important}
.open>.plot>.top,.head:target>.plot>.top,.open>.plot>.field,.head:target>.plot>.field{grid-column:2}
.open>.plot>.left,.head:target>.plot>.left{grid-column:1}
.open{overflow-x:auto}.long{grid-template-columns:1fr!important}.long .plot,.head.many:target .plot{min-width:860px}
.compact thead th:first-child{text-align:left}
.pixel{image-rendering:pixelated}
.edge{fill:none;stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
.heads{display:grid;grid-template-columns:repeat(auto-fill,minmax(82px,1fr));gap:12px 10px;margin:4px 0 18px}
.head figcaption{font-size:.76rem;text-align:center}
.head .close,.head .big{display:none}
.head.picked>.plot{outline:3px solid var(--wrong);outline-offset:2px}
.head:target{position:fixed;inset:0;z-index:9;background:var(--page);overflow:auto;padding:16px}
.head:target>.plot{max-width:min(92vw,calc(100vh - 110px));margin:0 auto;outline:0}
.head:target .big{display:inline}
.head:target figcaption{font-size:1rem;color:var(--ink)}
.head:target .close{display:block;width:max-content;margin:0 auto 10px;padding:6px 16px;border-radius:99px;
background:var(--accent);color:var(--on);text-decoration:none}
.said{font-size:1.25rem;font-weight:650;margin:.2em 0 .8em}
.open figcaption{margin-top:8px}
.three{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:18px;margin:12px 0}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:18px;margin:12px 0}
.formula{font-size:1.15rem;margin:.4em 0 .6em;font-family:"Cambria Math",Cambria,Georgia,serif}
.formula i{font-style:italic}
section>.card{margin:14px 0}
.steps{list-style:none;margin:0;padding:0}
.steps li.step{border-top:1px solid var(--line);padding:12px 0;display:grid;
grid-template-columns:minmax(130px,1fr) minmax(190px,1.2fr) 3fr;gap:6px 22px}
.steps .out{font-size:1.15rem;font-weight:650}
.steps p{margin:0}
.strip{line-height:2;font-size:.92rem}
.strip span{padding:3px 3px;border-radius:4px;white-space:pre-wrap}
.bars{display:block;width:100%;max-width:270px;height:auto}
.bars rect{fill:var(--accent);opacity:.85}.bars text{font-size:11px;fill:var(--ink)}.bars .p{fill:var(--soft)}
.scale{display:inline-flex;vertical-align:middle;margin:0 6px}
.scale span{width:12px;height:12px}
@media (prefers-color-scheme:dark){.pixel{filter:brightness(1.5)}}
@media (max-width:640px){.steps li.step{grid-template-columns:1fr 1fr}.steps .strip{grid-column:1/-1}
.heads{grid-template-columns:repeat(auto-fill,minmax(68px,1fr))}.two .plot{min-width:400px}}
@media print{.heads{grid-template-columns:repeat(8,1fr)}.head:target{position:static}.pixel{filter:none}}
"""
)


def sheet(widths: dict[str, float]) -> str:
    """The style sheet of a page whose maps have columns of these axes, so many units wide."""
    return _STYLE + "".join(f".of-{name}{{--w:{width:.1f}fr}}" for name, width in widths.items())
