// One point an utterance and system; crosses are wrong speakers, dashes failures, rings have audio here.
function drawScatter(charts, width) {
  const { group } = charts;
  const [across, up] = [group.columns[charts.x], group.columns[charts.y]];
  const points = [];
  for (const s of charts.visible()) {
    const { values, wrong, failed } = group.systems[s];
    const [wrongs, fails] = [new Set(wrong ?? []), new Set(failed)];
    const kindOf = (utt) => (wrongs.has(utt) ? "wrong speaker" : fails.has(utt) ? "failed" : "");
    const ys = values[charts.y];
    values[charts.x].forEach((x, utt) => {
      const y = ys[utt];
      if (x !== null && y !== null) points.push({ x, y, utt, system: s, kind: kindOf(utt) });
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
  const rows = yTicks.flatMap((tick) => {
    const line = { x1: left, x2: width - right, y1: y(tick), y2: y(tick) };
    return [
      h("line", { class: tick === 0 ? "grid zero" : "grid", ...line }),
      h("text", { class: "tick end", x: left - 8, y: y(tick) + 4 }, minus(tick)),
    ];
  });
  const upright = `translate(13 ${(top + bottom) / 2}) rotate(-90)`;
  rows.push(h("text", { class: "axis middle", transform: upright }, titleOf(up)));
  const pathOf = (look, kind, mark) => (s) => {
    const d = points.filter((point) => point.system === s && point.kind === kind).map(mark).join("");
    return h("path", { class: look, style: `stroke: ${colourOf(group, s)}`, d });
  };
  // Crosses last: what went wrong must not lie under what went well.
  const shown = charts.visible();
  const looks = [["dots", "", dot], ["crosses fails", "failed", dash], ["crosses", "wrong speaker", cross]];
  const paths = looks.flatMap((look) => shown.map(pathOf(...look)));
  const audible = points.filter((point) => group.cards[point.utt]);
  const rings = h("path", { class: "rings", d: audible.map(ring).join("") });
  const label = `${titleOf(up)} of ${points.length} utterances over ${titleOf(across)}`;
  const kind = points.length > 500 ? "scatter many" : "scatter";
  const svg = h("svg", { class: kind, width, height, role: "img", "aria-label": label });
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
      group.systems[point.system].name + (point.kind && `, ${point.kind}`),
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
  const countOf = (s, kind) => points.filter((point) => point.system === s && point.kind === kind).length;
  const wrongOf = (s) => (group.systems[s].wrong ? countOf(s, "wrong speaker") : "not measured");
  const wrongs = shown.map((s) => `${group.systems[s].name} ${wrongOf(s)}`).join(", ");
  const fails = shown.filter((s) => countOf(s, "failed"));
  const failed = fails.map((s) => `${group.systems[s].name} ${countOf(s, "failed")}`).join(", ");
  const marks = [
    [`M3 3L11 11M3 11L11 3`, "crosses", `wrong speaker (${wrongs})`],
    ...(failed ? [[`M2 7h10`, "crosses fails", `failed (${failed})`]] : []),
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
const dash = ({ left, top }) => `M${left.toFixed(1)} ${top.toFixed(1)}m-5 0h10`;
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
