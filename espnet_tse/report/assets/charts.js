// Charts of one group: scatter, distributions, buckets. Systems are switched on and off for all of them.
class Charts {
  /** @param view {group, hear(utt, system), filter({...})}: what a click leads to. */
  constructor(box, view) {
    this.group = view.group;
    this.view = view;
    this.draws = [];
    this.shown = this.group.systems.map((system) => !system.reference || isMixture(system));
    if (!this.shown.some(Boolean)) this.shown.fill(true);
    const panels = [this.scatter(), this.distribution(), this.buckets()];
    box.append(this.legend(), h("div", { class: "charts" }, panels.flat()));
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
      const tell = () => {
        chip.setAttribute("aria-pressed", this.shown[index]);
        chip.title = this.shown[index] ? "shown; click to hide it" : "hidden; click to show it";
      };
      chip.addEventListener("click", () => {
        this.shown[index] = !this.shown[index];
        tell();
        this.draws.forEach((draw) => draw());
      });
      tell();
      return chip;
    });
    const hidden = this.group.systems.filter((_, index) => !this.shown[index]).map((system) => system.name);
    const note = `Hidden at first: ${hidden.join(", ")} (a reference, no competing system). Click a name to show it.`;
    return h(
      "div",
      { class: "legend", role: "group", "aria-label": "systems shown" },
      chips,
      hidden.length ? h("span", { class: "muted" }, note) : ""
    );
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

const plain = (name) => name.replaceAll("_", " ").replace(/\bs[in]r\b/, (ratio) => ratio.toUpperCase());
const arrow = (column) => ({ 1: " ↑", "-1": " ↓" })[column.better] ?? "";
const isMixture = (system) => system.name.toLowerCase() === "mixture";
const nothing = (text) => h("p", { class: "muted none" }, text);

/** Grey for the mixture, else a colour in the order systems, references. */
function colourOf(group, index) {
  if (isMixture(group.systems[index])) return "var(--mixture)";
  const others = group.systems.filter((system) => !isMixture(system));
  const order = [...others.filter((each) => !each.reference), ...others.filter((each) => each.reference)];
  return `var(--s${order.indexOf(group.systems[index]) % 7})`;
}
