// Drawing: elements, round ticks, ranges that single outliers do not stretch, and charts as wide as their place.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG_TAGS = new Set(["svg", "g", "path", "line", "rect", "text", "circle", "title"]);

/** An HTML or SVG element; false and undefined attributes are left out. */
function h(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat());
  return element;
}

const options = (pairs, chosen) =>
  pairs.map(([value, text]) => h("option", { value, selected: value === chosen }, text));

/** A select with its name before it; ``changed`` gets the value. */
function choice(name, pairs, chosen, changed) {
  const select = h("select", { "aria-label": name }, options(pairs, chosen));
  select.addEventListener("change", () => changed(select.value));
  return h("label", {}, h("span", {}, name), select);
}

const minus = (text) => String(text).replace("-", "−");
const figure = (value, column) => minus(value.toFixed(column.decimals));
const titleOf = (column) => (column.unit ? `${column.head} (${column.unit})` : column.head);

/** Round values from ``low`` or below to ``high`` or above, about ``count`` steps of 1, 2 or 5. */
function ticksOf(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((each) => each >= raw * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Quartiles and median of sorted numbers, linear between neighbours. */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  return sorted[low] + (place - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

/** The range to draw: all values, or four interquartile ranges around the quartiles if some lie farther out. */
function rangeOf(values) {
  const sorted = Float64Array.from(values).sort();
  const [low, high] = [sorted[0], sorted[sorted.length - 1]];
  const [first, third] = [quantile(sorted, 0.25), quantile(sorted, 0.75)];
  const reach = 4 * (third - first) || Infinity;
  return [Math.max(low, first - reach), Math.min(high, third + reach)];
}

/** A linear scale from values to pixels that stops at its ends. */
function scaleOf(ticks, from, to) {
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  return (value) => from + ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (to - from);
}

/** Draw now and whenever the width of ``box`` changes; ``draw(width)`` returns an element. */
function keepDrawn(box, draw) {
  let width = 0;
  const again = () => width && box.replaceChildren(draw(width));
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now !== width) {
      width = now;
      again();
    }
  }).observe(box);
  return again;
}

/** Horizontal axis below ``bottom``: grid lines, figures and its title. */
function xAxis(ticks, x, top, bottom, title) {
  const middle = (x(ticks[0]) + x(ticks[ticks.length - 1])) / 2;
  return [
    ...ticks.map((tick) => h("line", { class: "grid", x1: x(tick), x2: x(tick), y1: top, y2: bottom })),
    ...ticks.map((tick) => h("text", { class: "tick middle", x: x(tick), y: bottom + 16 }, minus(tick))),
    h("text", { class: "axis middle", x: middle, y: bottom + 36 }, title),
  ];
}

/** A small text that follows the pointer inside ``box``. */
function tipIn(box) {
  const tip = h("div", { class: "tip", hidden: true });
  return {
    element: tip,
    show(lines, x, y) {
      tip.replaceChildren(...lines.map((line) => h("div", {}, line)));
      tip.hidden = false;
      const right = x + 12 + tip.offsetWidth < box.clientWidth;
      tip.style.left = `${right ? x + 12 : Math.max(0, x - 12 - tip.offsetWidth)}px`;
      tip.style.top = `${y + 12}px`;
    },
    hide() {
      tip.hidden = true;
    },
  };
}
