"use strict";
// A run's curves on a canvas: exact values under the pointer or the arrow keys, and a closer look by dragging. The
// server has drawn each as SVG already, and has put the numbers beside it; without this file, that is what one sees.
(() => {
  const HEIGHT = 190;
  const TONES = { acc: "--accent", 3: "--ink-3", ink: "--ink", a: "--a", b: "--b", bad: "--bad", vio: "--violet" };
  const OTHERS = ["--accent", "--ink-3", "--violet", "--a"]; // lines of one chart that share a tone
  const drawn = new WeakMap(); // place -> { plot, text }

  function colour(place, name) { // tokens are light-dark(…), which a canvas cannot read: let an element resolve it
    const probe = place.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const resolved = getComputedStyle(probe).color;
    probe.remove();
    return resolved;
  }
  function short(value) { return value == null ? "–" : Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 }); }

  function lines({ series, limits }) {
    const reported = series.map((each) => ({ ...each, width: 2 }));
    const ends = [Math.min(...series.flatMap((each) => each.xs)), Math.max(...series.flatMap((each) => each.xs))];
    return [...reported, ...limits.map(({ at, label }) => ({ label, xs: ends, ys: ends.map(() => at), tone: "3", dashed: true, width: 1 }))];
  }
  function options(place, all) {
    const quiet = colour(place, "--line");
    const axis = { stroke: colour(place, "--ink-3"), font: `11px ${getComputedStyle(place).fontFamily}`, grid: { stroke: quiet, width: 1 }, ticks: { show: false } };
    const taken = new Set();
    const lined = all.map(({ label, tone, dashed, width }) => {
      const name = taken.has(tone) ? OTHERS.find((other) => !taken.has(other)) : TONES[tone];
      taken.add(tone).add(name);
      return { label: label || place.dataset.name, stroke: colour(place, name), width, dash: dashed ? [4, 4] : undefined, points: { show: false }, spanGaps: true, value: (_, value) => short(value) };
    });
    return {
      width: place.clientWidth, height: HEIGHT, scales: { x: { time: false } }, legend: { live: true }, cursor: { y: false },
      axes: [{ ...axis, size: 26 }, { ...axis, size: 52, values: (_, ticks) => ticks.map(short) }],
      series: [{ label: "step", value: (_, value) => short(value) }, ...lined],
    };
  }

  function draw(place) {
    const text = place.previousElementSibling?.dataset.points;
    const before = drawn.get(place);
    if (!text || before?.text === text) return;
    const all = lines(JSON.parse(text));
    const data = uPlot.join(all.map(({ xs, ys }) => [xs, ys]));
    if (before && before.plot.series.length === data.length) { // the same curves, longer: keep the closer look
      before.plot.setData(data, before.plot.scales.x.max >= before.plot.data[0].at(-1));
      before.text = text;
      return;
    }
    before?.plot.destroy();
    place.hidden = false;
    drawn.set(place, { plot: new uPlot(options(place, all), data, place), text });
  }
  function drawAll() { for (const place of document.querySelectorAll("[data-canvas]")) draw(place); }
  function redrawAll() {
    for (const place of document.querySelectorAll("[data-canvas]")) {
      drawn.get(place)?.plot.destroy();
      drawn.delete(place);
      draw(place);
    }
  }

  function step(event) { // the arrow keys do what the pointer does
    const plot = drawn.get(event.target)?.plot;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!plot || !by) return;
    event.preventDefault();
    plot.root.querySelector(".u-legend").setAttribute("aria-live", "polite"); // said when a key asks, not under a pointer
    const last = plot.data[0].length - 1;
    const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? (by > 0 ? -1 : last + 1)) + by));
    plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: 0 });
  }

  document.addEventListener("htmx:after:swap", drawAll);
  document.addEventListener("keydown", step);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  addEventListener("resize", () => {
    for (const place of document.querySelectorAll("[data-canvas]")) drawn.get(place)?.plot.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  drawAll();
})();
