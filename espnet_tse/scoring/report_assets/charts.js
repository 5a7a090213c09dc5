// Charts of one group: scatter, distributions, buckets. Systems are switched on and off for all of them.
class Charts {
  /** @param view {group, hear(utt, system), filter({...})}: what a click leads to. */
  constructor(box, view) {
    this.group = view.group;
    this.view = view;
    this.draws = [];
    this.shown = this.group.systems.map((system) => !system.reference || system.name.toLowerCase() === "mixture");
    if (!this.shown.some(Boolean)) this.shown.fill(true);
    box.append(this.legend(), h("div", { class: "charts" }, this.scatter(), this.distribution(), this.buckets()));
  }

  columnNamed(name) {
    return this.group.columns.findIndex((column) => column.name === name);
  }

  /** The first of ``names`` that has a column, else the first column. */
  pick(...names) {
    return Math.max(0, names.map((name) => this.columnNamed(name)).find((index) => index >= 0) ?? 0);
  }

  get columnPairs() {
    return this.group.columns.map((column, index) => [index, `${titleOf(column)}${arrow(column)}`]);
  }

  visible() {
    return this.group.systems.map((system, index) => index).filter((index) => this.shown[index]);
  }

  legend() {
    const chips = this.group.systems.map((system, index) => {
      const chip = h(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(this.shown[index]) },
        h("span", { class: "swatch", style: `background: ${colourOf(this.group, index)}` }),
        system.name
      );
      chip.addEventListener("click", () => {
        this.shown[index] = !this.shown[index];
        chip.setAttribute("aria-pressed", this.shown[index]);
        this.draws.forEach((draw) => draw());
      });
      return chip;
    });
    return h("div", { class: "legend", role: "group", "aria-label": "systems shown" }, chips);
  }

  panel(title, controls, draw, wide) {
    const box = h("div", { class: "plot" });
    this.draws.push(keepDrawn(box, draw));
    const head = h("div", { class: "tools" }, h("h4", {}, title), controls);
    return h("figure", { class: wide ? "card panel wide" : "card panel" }, head, box);
  }

  redraw(field, index) {
    return (value) => {
      this[field] = value;
      this.draws[index]();
    };
  }

  scatter() {
    this.x = this.pick("input_sir_db", "dur_ref");
    this.y = this.pick("si_sdr_i", "si_sdr");
    const controls = [
      choice("across", this.columnPairs, this.x, this.redraw("x", 0)),
      choice("up", this.columnPairs, this.y, this.redraw("y", 0)),
    ];
    return this.panel("Scatter", controls, (width) => drawScatter(this, width));
  }

  distribution() {
    this.metric = this.pick(this.group.ranking, "si_sdr_i", "dnsmos_ovrl");
    const controls = choice("metric", this.columnPairs, this.metric, this.redraw("metric", 1));
    return this.panel("Distribution", controls, (width) => drawDistribution(this, width));
  }

  buckets() {
    const names = Object.keys(this.group.buckets);
    if (!names.length) return [];
    const inBuckets = new Set(
      names.flatMap((name) =>
        this.group.buckets[name].flatMap((part) => Object.values(part.systems).flatMap(Object.keys))
      )
    );
    const pairs = this.columnPairs.filter(([index]) => inBuckets.has(this.group.columns[index].name));
    if (!pairs.length) return [];
    this.bucket = names[0];
    const preferred = [this.pick("si_sdr_i", this.group.ranking), pairs[0][0]];
    this.bucketMetric = preferred.find((index) => pairs.some(([each]) => each === index));
    const controls = [
      choice("by", names.map((name) => [name, plain(name)]), this.bucket, this.redraw("bucket", 2)),
      choice("metric", pairs, this.bucketMetric, this.redraw("bucketMetric", 2)),
    ];
    return this.panel("Buckets", controls, (width) => drawBuckets(this, width), true);
  }
}

const plain = (name) => name.replaceAll("_", " ");
const arrow = (column) => ({ 1: " ↑", "-1": " ↓" })[column.better] ?? "";
const nothing = (text) => h("p", { class: "muted none" }, text);

/** Grey for the mixture, else a colour in the order systems, references. */
function colourOf(group, index) {
  const isMixture = (system) => system.name.toLowerCase() === "mixture";
  if (isMixture(group.systems[index])) return "var(--mixture)";
  const others = group.systems.filter((system) => !isMixture(system));
  const order = [...others.filter((each) => !each.reference), ...others.filter((each) => each.reference)];
  return `var(--s${order.indexOf(group.systems[index]) % 7})`;
}

function drawScatter(charts, width) {
  const { group } = charts;
  const [across, up] = [group.columns[charts.x], group.columns[charts.y]];
  const points = [];
  for (const s of charts.visible()) {
    const { values, wrong } = group.systems[s];
    const wrongs = new Set(wrong);
    const ys = values[charts.y];
    // The mixture's improvement over itself is a line, not a result.
    if (ys.every((y) => y === null || y === 0)) continue;
    values[charts.x].forEach((x, utt) => {
      if (x !== null && ys[utt] !== null) points.push({ x, y: ys[utt], utt, system: s, wrong: wrongs.has(utt) });
    });
  }
  if (!points.length) return nothing("No utterance of the chosen systems has both values.");
  const height = Math.round(Math.min(420, Math.max(280, width * 0.62)));
  const [left, right, top, bottom] = [52, 14, 12, height - 48];
  const [lowX, highX] = rangeOf(points.map((point) => point.x));
  const [lowY, highY] = rangeOf(points.map((point) => point.y));
  const xTicks = ticksOf(lowX, highX, width / 90);
  const yTicks = ticksOf(lowY, highY, 6);
  const x = scaleOf(xTicks, left, width - right);
  const y = scaleOf(yTicks, bottom, top);
  const outside = points.filter(
    (p) => p.x < xTicks[0] || p.x > xTicks.at(-1) || p.y < yTicks[0] || p.y > yTicks.at(-1)
  ).length;
  for (const point of points) [point.left, point.top] = [x(point.x), y(point.y)];
  const rows = yTicks.flatMap((tick) => [
    h("line", { class: tick === 0 ? "grid zero" : "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
    h("text", { class: "tick end", x: left - 8, y: y(tick) + 4 }, minus(tick)),
  ]);
  const middle = (top + bottom) / 2;
  rows.push(h("text", { class: "axis middle", transform: `translate(13 ${middle}) rotate(-90)` }, titleOf(up)));
  const paths = charts.visible().flatMap((s) => {
    const ours = points.filter((point) => point.system === s);
    const colour = `stroke: ${colourOf(group, s)}`;
    return [
      h("path", { class: "dots", style: colour, d: ours.filter((p) => !p.wrong).map(dot).join("") }),
      h("path", { class: "crosses", style: colour, d: ours.filter((p) => p.wrong).map(cross).join("") }),
    ];
  });
  const audible = points.filter((point) => group.cards[point.utt]);
  const rings = h("path", { class: "rings", d: audible.map(ring).join("") });
  const label = `${titleOf(up)} of ${points.length} utterances over ${titleOf(across)}`;
  const svg = h("svg", { class: "scatter", width, height, role: "img", "aria-label": label });
  svg.append(...xAxis(xTicks, x, top, bottom, titleOf(across)), ...rows, ...paths, rings);
  svg.points = points;
  const box = h("div", { class: "hover" }, svg);
  const tip = tipIn(box);
  box.append(tip.element);
  svg.addEventListener("pointermove", (event) => {
    const point = nearest(points, event.offsetX, event.offsetY);
    svg.style.cursor = point ? "pointer" : "";
    if (!point) return tip.hide();
    const lines = [
      group.utts[point.utt],
      group.systems[point.system].name + (point.wrong ? ", wrong speaker" : ""),
      `${across.head} ${figure(point.x, across)}, ${up.head} ${figure(point.y, up)}`,
      group.cards[point.utt] ? "click to hear" : "click for its row",
    ];
    tip.show(lines, point.left, point.top);
  });
  svg.addEventListener("pointerleave", tip.hide);
  svg.addEventListener("click", (event) => {
    const point = nearest(points, event.offsetX, event.offsetY);
    if (point) charts.view.hear(point.utt, point.system);
  });
  const numWrong = points.filter((point) => point.wrong).length;
  const marks = [
    [`M3 3L11 11M3 11L11 3`, "crosses", `wrong speaker (${numWrong})`],
    [`M7 2a5 5 0 1 0 .01 0`, "rings", `audio on this page (${audible.length})`],
  ].map(([d, kind, text]) =>
    h("span", {}, h("svg", { width: 14, height: 14 }, h("path", { class: kind, d })), text)
  );
  const edge = outside ? h("span", {}, `${outside} points beyond the axes are drawn at their ends`) : "";
  return h("div", {}, box, h("div", { class: "marks" }, marks, edge));
}

const dot = ({ left, top }) => `M${left.toFixed(1)} ${top.toFixed(1)}h0`;
const cross = ({ left, top }) => {
  const [x, y] = [left.toFixed(1), top.toFixed(1)];
  return `M${x} ${y}m-4-4l8 8m0-8l-8 8`;
};
const ring = ({ left, top }) => `M${left.toFixed(1)} ${(top - 6).toFixed(1)}a6 6 0 1 0 .01 0`;

function nearest(points, x, y) {
  let best = null;
  let least = 14 ** 2; // pixels
  for (const point of points) {
    const distance = (point.left - x) ** 2 + (point.top - y) ** 2;
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}
