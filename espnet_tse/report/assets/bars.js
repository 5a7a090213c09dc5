// Distributions as one ridge a system, and bars of the buckets with their intervals.
const BINS = 40;

function drawDistribution(charts, width) {
  const { group } = charts;
  const column = group.columns[charts.metric];
  const ridges = charts
    .visible()
    .map((s) => ({ s, values: group.systems[s].values[charts.metric] }))
    .map(({ s, values }) => ({ s, values: values.filter((value) => value !== null) }))
    .filter(({ values }) => values.length);
  if (!ridges.length) return nothing("None of the chosen systems has this metric.");
  const [low, high] = rangeOf(ridges.flatMap(({ values }) => values));
  const ticks = ticksOf(low, high, width / 80);
  const step = Math.max(78, Math.min(150, 300 / ridges.length));
  const [left, right, top] = [14, 14, 8];
  const bottom = top + ridges.length * step;
  const x = scaleOf(ticks, left, width - right);
  const label = `distribution of ${titleOf(column)} by system`;
  const height = bottom + 46;
  const svg = h("svg", { class: "distribution", width, height, role: "img", "aria-label": label });
  svg.append(...xAxis(ticks, x, top, bottom, titleOf(column) + arrow(column)));
  ridges.forEach(({ s, values }, place) => {
    const base = top + (place + 1) * step - 16;
    const sorted = Float64Array.from(values).sort();
    const [first, median, third] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share));
    const half = `, half between ${figure(first, column)} and ${figure(third, column)}`;
    const text = `median ${figure(median, column)}${width > 440 ? half : ""}`;
    const colour = colourOf(group, s);
    const outline = ridge(sorted, x, ticks, base, step - 40);
    const [under, above] = [base + 6, base - step + 30];
    svg.append(
      h("path", { class: "ridge", style: `fill: ${colour}; stroke: ${colour}`, d: outline }),
      h("line", { class: "half", style: `stroke: ${colour}`, x1: x(first), x2: x(third), y1: under, y2: under }),
      h("circle", { style: `fill: ${colour}`, cx: x(median), cy: under, r: 4.5 }),
      h("text", { class: "name", x: left + 2, y: above }, shorten(group.systems[s].name, width / 2.4)),
      h("text", { class: "tick end", x: width - right - 2, y: above }, text)
    );
  });
  return svg;
}

/** A histogram's outline above ``base``; values beyond the axis are in its first and last bin. */
function ridge(sorted, x, ticks, base, height) {
  const counts = new Array(BINS).fill(0);
  const [low, high] = [ticks[0], ticks.at(-1)];
  for (const value of sorted) {
    counts[Math.min(BINS - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * BINS)))] += 1;
  }
  const most = Math.max(...counts);
  const edge = (bin) => x(low + ((high - low) * bin) / BINS).toFixed(1);
  const steps = counts.map((count, bin) => `V${(base - (height * count) / most).toFixed(1)}H${edge(bin + 1)}`);
  return `M${edge(0)} ${base}${steps.join("")}V${base}Z`;
}

/** A name that fits into ``room`` pixels of the charts' small type; its end says more than its middle. */
function shorten(name, room) {
  const letters = Math.max(8, Math.floor(room / 7));
  return name.length <= letters ? name : `${name.slice(0, letters - 9)}…${name.slice(-8)}`;
}

function drawBuckets(charts, width) {
  const { group } = charts;
  const column = group.columns[charts.bucketMetric];
  const parts = group.buckets[charts.bucket].map((part) => ({
    ...part,
    bars: charts.visible().flatMap((s) => {
      const means = part.systems[group.systems[s].name]?.[column.name];
      return means ? [{ s, mean: means[0], low: means[1] ?? means[0], high: means[2] ?? means[0] }] : [];
    }),
  }));
  const bars = parts.flatMap((part) => part.bars);
  if (!bars.length) return nothing("None of the chosen systems has this metric by bucket.");
  const labels = Math.min(170, width * 0.34);
  const [right, thick, gap] = [58, 16, 14];
  const lowest = Math.min(0, ...bars.map((bar) => bar.low));
  const highest = Math.max(0, ...bars.map((bar) => bar.high));
  const ticks = ticksOf(lowest, highest, width / 110);
  const x = scaleOf(ticks, labels, width - right);
  const heights = parts.map((part) => Math.max(2, part.bars.length) * thick + gap);
  const bottom = heights.reduce((sum, each) => sum + each, 8);
  const label = `${titleOf(column)} by ${plain(charts.bucket)}`;
  const height = bottom + 46;
  const svg = h("svg", { class: "buckets", width, height, role: "img", "aria-label": label });
  svg.append(...xAxis(ticks, x, 4, bottom, `${titleOf(column)}${arrow(column)}, mean and 95 % interval`));
  svg.append(h("line", { class: "grid zero", x1: x(0), x2: x(0), y1: 4, y2: bottom }));
  let top = 8 + gap / 2;
  parts.forEach((part, place) => {
    const name = h("text", { class: "name end", x: labels - 10, y: top + 12 }, shorten(part.label, labels - 12));
    name.append(h("title", {}, part.label));
    const count = h("text", { class: "tick end", x: labels - 10, y: top + 28 }, `n = ${part.n}`);
    const drawn = part.bars.flatMap((bar, row) => barOf(charts, part, bar, top + row * thick, x, column));
    svg.append(name, count, ...drawn);
    top += heights[place];
  });
  return svg;
}

function barOf(charts, part, bar, top, x, column) {
  const { group, bucket } = charts;
  const name = group.systems[bar.s].name;
  const [from, to] = [Math.min(x(0), x(bar.mean)), Math.max(x(0), x(bar.mean))];
  const rect = h("rect", { class: "bar", x: from, y: top, width: Math.max(1, to - from), height: 12, rx: 2 });
  rect.style.fill = colourOf(group, bar.s);
  const [low, high, middle] = [x(bar.low), x(bar.high), top + 6];
  const whisker = `M${low} ${middle}H${high}M${low} ${middle - 3}v6M${high} ${middle - 3}v6`;
  const interval = `${figure(bar.low, column)} to ${figure(bar.high, column)}`;
  const text = `${name}, ${part.label}: ${figure(bar.mean, column)} (${interval}); click for the rows`;
  // A mean near zero leaves no bar to click: the whole line answers.
  const line = h("rect", { class: "line", x: 0, y: top - 2, width: "100%", height: 16 }, h("title", {}, text));
  line.addEventListener("click", () => charts.view.filter({ system: bar.s, buckets: { [bucket]: part.label } }));
  return [
    rect,
    h("path", { class: "whisker", d: whisker }),
    h("text", { class: "tick", x: Math.max(to, high) + 6, y: top + 10 }, figure(bar.mean, column)),
    line,
  ];
}
