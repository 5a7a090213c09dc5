// The per-utterance table of one group: filtered, sorted and shown a page at a time.
const ROWS_A_PAGE = 50;

class UtteranceTable {
  /** @param hear called with (utt, system) by a row's play button. */
  constructor(box, group, hear) {
    this.group = group;
    this.hear = hear;
    this.rows = this.allRows(); // [utt, system] by place in the group's lists
    this.page = 0;
    this.sorting = null; // {value(row), sign, head}
    this.wanted = { words: [], system: "", only: "", buckets: {} };
    this.heads = this.makeHeads();
    this.body = h("tbody", {});
    this.count = h("span", { class: "muted count", "aria-live": "polite" });
    this.pages = this.makePages();
    const table = h("table", { class: "sortable" }, h("thead", {}, h("tr", {}, this.heads)), this.body);
    box.append(
      h(
        "div",
        { class: "card" },
        this.makeTools(),
        h("div", { class: "scroll tall", tabindex: 0 }, table),
        h("div", { class: "tools pages" }, Object.values(this.pages))
      )
    );
    this.refresh();
  }

  allRows() {
    const { systems, utts } = this.group;
    const rows = [];
    utts.forEach((_, utt) => systems.forEach((system, s) => system.present[utt] && rows.push([utt, s])));
    return rows;
  }


  makeHeads() {
    const { group } = this;
    const text = (name, value) => this.makeHead(name, "", value, "name");
    const heads = [
      text("utterance", ([utt]) => group.utts[utt]),
      text("system", ([, s]) => group.systems[s].name),
    ];
    if (group.speakers) heads.push(text("speaker", ([utt]) => group.speakers[utt]));
    group.columns.forEach((column, index) => {
      const [name, model] = column.head.split("(");
      const value = ([utt, s]) => group.systems[s].values[index][utt];
      heads.push(this.makeHead(name.trim(), model?.replace(")", ""), value, "", column));
    });
    this.hasFlags = this.rows.some((row) => this.flagsOf(row).length);
    if (this.hasFlags) heads.push(text("flags", (row) => this.flagsOf(row).join(", ")));
    return heads;
  }

  makeHead(name, model, value, kind, column) {
    const below = model ? h("span", { class: "model" }, model) : "";
    const button = h("button", { type: "button", title: column?.title }, name, below);
    const head = h("th", { scope: "col", class: kind }, button);
    button.addEventListener("click", () => this.sort(head, value));
    return head;
  }

  makeTools() {
    const label = `filter the utterances of ${this.group.testSet}`;
    this.search = h("input", { type: "search", placeholder: "filter", "aria-label": label });
    this.search.addEventListener("input", () =>
      this.want({ words: this.search.value.toLowerCase().split(/\s+/).filter(Boolean) })
    );
    const systems = [["", "all systems"], ...this.group.systems.map((system, index) => [index, system.name])];
    const only = [
      ["", "all rows"],
      ["wrong", "wrong speaker"],
      ["failed", "failed"],
      ["flagged", "flagged"],
      ["audio", "with audio here"],
    ];
    this.selects = {
      system: this.makeSelect("system", systems, (value) => this.want({ system: value })),
      only: this.makeSelect("rows", only, (value) => this.want({ only: value })),
    };
    for (const [name, labels] of Object.entries(this.group.labels)) {
      const known = [...new Set(labels)].filter((label) => label !== null);
      const pairs = [["", `any ${plain(name)}`], ...known.map((label) => [label, `${plain(name)}: ${label}`])];
      this.selects[`bucket ${name}`] = this.makeSelect(plain(name), pairs, (value) =>
        this.want({ buckets: { ...this.wanted.buckets, [name]: value } })
      );
    }
    return h("div", { class: "tools" }, this.search, Object.values(this.selects), this.count);
  }

  makeSelect(name, pairs, changed) {
    const select = h("select", { "aria-label": name }, options(pairs, ""));
    select.addEventListener("change", () => changed(select.value));
    return select;
  }

  makePages() {
    const go = (text, label, page) => {
      const button = h("button", { type: "button", "aria-label": label }, text);
      button.addEventListener("click", () => {
        this.page = page();
        this.showPage();
      });
      return button;
    };
    return {
      first: go("«", "first page", () => 0),
      back: go("‹", "page before", () => this.page - 1),
      where: h("span", { class: "muted" }),
      on: go("›", "next page", () => this.page + 1),
      last: go("»", "last page", () => this.lastPage),
    };
  }

  get lastPage() {
    return Math.max(0, Math.ceil(this.found.length / ROWS_A_PAGE) - 1);
  }

  /** Filter for what a chart's bar or point stands for; the tools show it. */
  filter({ words = [], system = "", only = "", buckets = {} }) {
    this.search.value = words.join(" ");
    this.selects.system.value = system;
    this.selects.only.value = only;
    for (const name of Object.keys(this.group.labels)) {
      this.selects[`bucket ${name}`].value = buckets[name] ?? "";
    }
    this.want({ words: words.map((word) => word.toLowerCase()), system: String(system), only, buckets });
  }

  want(changes) {
    Object.assign(this.wanted, changes);
    this.refresh();
  }

  sort(head, value) {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    this.heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    this.sorting = { value, sign };
    this.refresh();
  }

  refresh() {
    this.found = this.rows.filter((row) => this.isWanted(row));
    if (this.sorting) this.found = this.sorted(this.found);
    this.page = 0;
    this.count.textContent = `${this.found.length} of ${this.rows.length} rows`;
    this.showPage();
  }

  isWanted(row) {
    const [utt, s] = row;
    const { words, system, only, buckets } = this.wanted;
    if (system !== "" && Number(system) !== s) return false;
    if (only === "wrong" && this.kindOf(row) !== "wrong speaker") return false;
    if (only === "failed" && this.kindOf(row) !== "failed") return false;
    if (only === "flagged" && !this.flagsOf(row).length) return false;
    if (only === "audio" && !this.signalOf(row)) return false;
    const differs = ([name, label]) => label && this.group.labels[name][utt] !== label;
    if (Object.entries(buckets).some(differs)) return false;
    return !words.length || words.every((word) => this.textOf(row).includes(word));
  }

  /** Rows by the head's value; those without one stay last in both directions. */
  sorted(rows) {
    const { value, sign } = this.sorting;
    const order = new Intl.Collator(undefined, { numeric: true });
    const keyed = rows.map((row) => [value(row), row]);
    const compare = (a, b) => (typeof a === "number" ? a - b : order.compare(a, b));
    keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
    return keyed.map(([, row]) => row);
  }

  /** What came out: "wrong speaker", "failed", or "" (also where it was not measured). */
  kindOf([utt, s]) {
    const { systems } = this.group;
    this.kinds ??= systems.map(({ wrong, failed }) => [new Set(wrong ?? []), new Set(failed)]);
    const [wrongs, fails] = this.kinds[s];
    return wrongs.has(utt) ? "wrong speaker" : fails.has(utt) ? "failed" : "";
  }

  flagsOf(row) {
    const [utt, s] = row;
    const flags = this.group.systems[s].flags[utt];
    return [this.kindOf(row), flags].filter(Boolean);
  }

  textOf(row) {
    const [utt, s] = row;
    const { group } = this;
    const words = [group.utts[utt], group.systems[s].name, group.speakers?.[utt], ...this.flagsOf(row)];
    return words.join(" ").toLowerCase();
  }

  /** Place of this row's signal on the utterance's card, undefined where it has none. */
  signalOf([utt, s]) {
    const signals = this.group.cards[utt]?.signals ?? [];
    return signals.find((signal) => signal.system === s && signal.audio);
  }

  showPage() {
    const first = this.page * ROWS_A_PAGE;
    const rows = this.found.slice(first, first + ROWS_A_PAGE);
    this.body.replaceChildren(...rows.map((row) => this.makeRow(row)));
    const where = `${first + 1} to ${first + rows.length} of ${this.found.length}`;
    this.pages.where.textContent = rows.length ? where : "no rows";
    this.pages.first.disabled = this.pages.back.disabled = this.page === 0;
    this.pages.last.disabled = this.pages.on.disabled = this.page >= this.lastPage;
  }

  makeRow(row) {
    const [utt, s] = row;
    const { group } = this;
    const system = group.systems[s];
    const cells = [this.nameCell(row), h("td", { class: "name" }, system.name)];
    if (group.speakers) cells.push(h("td", { class: "name" }, group.speakers[utt] ?? ""));
    group.columns.forEach((column, index) => {
      const value = system.values[index][utt];
      cells.push(h("td", {}, value === null ? "–" : figure(value, column)));
    });
    if (this.hasFlags) {
      const tag = (flag) => h("span", { class: flag === "wrong speaker" ? "tag wrong" : "tag" }, flag);
      cells.push(h("td", { class: "name" }, this.flagsOf(row).map(tag)));
    }
    return h("tr", { class: system.reference ? "reference" : false }, cells);
  }

  nameCell([utt, s]) {
    const { group } = this;
    const key = group.utts[utt];
    const head = h("th", { scope: "row", class: "name" });
    if (!group.cards[utt]) {
      head.append(key);
      return head;
    }
    if (this.signalOf([utt, s])) {
      const label = `play ${group.systems[s].name} of ${key}`;
      const play = h("button", { type: "button", class: "play", "aria-label": label }, "▶");
      play.addEventListener("click", () => this.hear(utt, s));
      head.append(play);
    }
    head.append(h("a", { href: `#${group.cards[utt].id}` }, key));
    return head;
  }
}
